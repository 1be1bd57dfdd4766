// Rules of a pod's spec, wherever one stands (pkg/apis/core/validation.ValidatePodSpec): what users get wrong.

import type { Container, PodSpec, Toleration } from 'kubernetes-types/core/v1.d.ts'
import { dns1123Label, dns1123Subdomain, envVarName, ianaPortName, qualifiedName } from '../../metadata/names.ts'
import { parseQuantity, QUANTITY_FORMAT } from '../../metadata/quantity.ts'
import { validateLabels } from '../../metadata/validate-metadata.ts'
import { duplicate, invalid, notFound, required, type FieldError } from '../../status/field-error.ts'
import { oneOf, portNumber, TRANSPORT_PROTOCOLS } from '../../metadata/validate-value.ts'

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'] as const
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'] as const
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const
const TERMINATION_POLICIES = ['FallbackToLogsOnError', 'File'] as const
const EFFECTS = ['NoExecute', 'NoSchedule', 'PreferNoSchedule'] as const

export function validatePodSpec(spec: PodSpec, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  const volumes = new Set<string>()
  ;(spec.volumes ?? []).forEach(({ name = '' }, index) => errors.push(...validateName(name, `${path}.volumes[${index}].name`, volumes)))
  if ((spec.containers ?? []).length === 0) errors.push(required(`${path}.containers`))
  const names = new Set<string>()
  const hostPorts = new Set<string>()
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    ;((spec[list] ?? []) as Container[]).forEach((container, index) => {
      errors.push(...validateContainer(container, `${path}.${list}[${index}]`, { spec, names, volumes, hostPorts }))
    })
  }
  errors.push(...oneOf(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES, { needed: true }))
  errors.push(...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES, { needed: true }))
  if (spec.dnsPolicy === 'None' && (spec.dnsConfig?.nameservers?.length ?? 0) === 0) {
    errors.push(required(`${path}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'))
  }
  errors.push(...validateLabels(spec.nodeSelector, `${path}.nodeSelector`))
  for (const [field, rule] of [['serviceAccountName', dns1123Subdomain], ['nodeName', dns1123Subdomain], ['hostname', dns1123Label], ['subdomain', dns1123Label], ['priorityClassName', dns1123Subdomain]] as const) {
    const value = spec[field] ?? ''
    if (value !== '') errors.push(...rule(value).map(problem => invalid(`${path}.${field}`, value, problem)))
  }
  ;(spec.tolerations ?? []).forEach((toleration, index) => errors.push(...validateToleration(toleration, `${path}.tolerations[${index}]`)))
  if (spec.activeDeadlineSeconds !== undefined && (spec.activeDeadlineSeconds < 1 || spec.activeDeadlineSeconds > 2_147_483_647)) {
    errors.push(invalid(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 'must be between 1 and 2147483647, inclusive'))
  }
  return errors
}

type Surroundings = { spec: PodSpec; names: Set<string>; volumes: ReadonlySet<string>; hostPorts: Set<string> }

function validateContainer(container: Container, path: string, { spec, names, volumes, hostPorts }: Surroundings): readonly FieldError[] {
  const errors: FieldError[] = [...validateName(container.name ?? '', `${path}.name`, names)]
  const image = container.image ?? ''
  if (image === '') errors.push(required(`${path}.image`))
  else if (image.trim() !== image) errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'))
  errors.push(...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES))
  errors.push(...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, TERMINATION_POLICIES))
  errors.push(...validatePorts(container, path, spec, hostPorts))
  ;(container.env ?? []).forEach(({ name = '', value, valueFrom }, index) => {
    const at = `${path}.env[${index}]`
    if (name === '') errors.push(required(`${at}.name`))
    else errors.push(...envVarName(name).map(problem => invalid(`${at}.name`, name, problem)))
    if (valueFrom === undefined) return
    if (Object.keys(valueFrom).length !== 1) errors.push(invalid(`${at}.valueFrom`, '', Object.keys(valueFrom).length === 0 ? 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`' : 'may not have more than one field specified at a time'))
    if ((value ?? '') !== '') errors.push(invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'))
  })
  const mounts = new Set<string>()
  ;(container.volumeMounts ?? []).forEach(({ name = '', mountPath = '' }, index) => {
    const at = `${path}.volumeMounts[${index}]`
    if (name === '') errors.push(required(`${at}.name`))
    else if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name))
    if (mountPath === '') errors.push(required(`${at}.mountPath`))
    if (mounts.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'))
    mounts.add(mountPath)
  })
  return [...errors, ...validateResources(container, `${path}.resources`)]
}

function validatePorts({ ports = [] }: Container, path: string, spec: PodSpec, hostPorts: Set<string>): readonly FieldError[] {
  const errors: FieldError[] = []
  const names = new Set<string>()
  ports.forEach(({ name = '', containerPort, hostPort = 0, protocol, hostIP = '' }, index) => {
    const at = `${path}.ports[${index}]`
    if (name !== '') {
      errors.push(...ianaPortName(name).map(problem => invalid(`${at}.name`, name, problem)))
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    if ((containerPort ?? 0) === 0) errors.push(required(`${at}.containerPort`))
    else errors.push(...portNumber(`${at}.containerPort`, containerPort))
    if (hostPort !== 0) {
      errors.push(...portNumber(`${at}.hostPort`, hostPort))
      if (spec.hostNetwork === true && hostPort !== containerPort) errors.push(invalid(`${at}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true'))
      const key = `${protocol}/${hostIP}/${hostPort}`
      if (hostPorts.has(key)) errors.push(duplicate(`${at}.hostPort`, key))
      hostPorts.add(key)
    }
    errors.push(...oneOf(`${at}.protocol`, protocol, TRANSPORT_PROTOCOLS, { needed: true }))
  })
  return errors
}

function validateResources({ resources = {} }: Container, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  for (const list of ['limits', 'requests'] as const) {
    for (const [name, quantity] of Object.entries(resources[list] ?? {})) {
      const at = `${path}.${list}[${name}]`
      const amount = parseQuantity(quantity)
      if (amount === undefined) errors.push(invalid(at, quantity, QUANTITY_FORMAT))
      else if (amount < 0n) errors.push(invalid(at, quantity, 'must be greater than or equal to 0'))
      errors.push(...qualifiedName(name).map(problem => invalid(at, name, problem)))
    }
  }
  for (const [name, request] of Object.entries(resources.requests ?? {})) {
    const limit = resources.limits?.[name]
    if (limit === undefined) continue
    if ((parseQuantity(request) ?? 0n) > (parseQuantity(limit) ?? 0n)) {
      errors.push(invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`))
    }
  }
  return errors
}

function validateToleration({ key = '', operator = '', value = '', effect = '', tolerationSeconds }: Toleration, path: string): readonly FieldError[] {
  const errors: FieldError[] = key === '' ? [] : qualifiedName(key).map(problem => invalid(`${path}.key`, key, problem))
  if (key === '' && operator !== 'Exists') errors.push(invalid(`${path}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'))
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') errors.push(invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
  if (operator === 'Exists' && value !== '') errors.push(invalid(`${path}.operator`, value, 'value must be empty when `operator` is \'Exists\''))
  if (operator !== '') errors.push(...oneOf(`${path}.operator`, operator, ['Equal', 'Exists']))
  if (effect !== '') errors.push(...oneOf(`${path}.effect`, effect, EFFECTS))
  return errors
}

function validateName(name: string, field: string, seen: Set<string>): readonly FieldError[] {
  if (name === '') return [required(field)]
  const errors = dns1123Label(name).map(problem => invalid(field, name, problem))
  if (seen.has(name)) errors.push(duplicate(field, name))
  seen.add(name)
  return errors
}

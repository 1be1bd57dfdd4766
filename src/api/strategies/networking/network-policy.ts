// networking.k8s.io/v1 NetworkPolicy.

import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from 'kubernetes-types/networking/v1.d.ts'
import { containsPrefix, prefixOf } from '../../../net/ip/prefix.ts'
import { ianaPortName } from '../../metadata/names.ts'
import { parseCidr, validateCidr } from '../../metadata/validate-ip.ts'
import { oneOf, portNumber, TRANSPORT_PROTOCOLS } from '../../metadata/validate-value.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { forbidden, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { NETWORK_POLICY_TABLE } from '../../tables/networking.ts'
import { validateLabelSelector } from '../workloads/template.ts'

const POLICY_TYPES = ['Egress', 'Ingress'] as const

export const networkPolicyStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults: draft => {
    const { spec } = draft as unknown as NetworkPolicy
    if (spec === undefined) return
    for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of ports) port.protocol ??= 'TCP'
    if ((spec.policyTypes?.length ?? 0) === 0) spec.policyTypes = (spec.egress?.length ?? 0) > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  },
  validateCreate: validatePolicy,
  update: { ...base.update, validate: validatePolicy },
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
  table: NETWORK_POLICY_TABLE,
})

function validatePolicy(object: ApiObject): readonly FieldError[] {
  const { spec } = object as unknown as NetworkPolicy
  const errors: FieldError[] = [...validateLabelSelector(spec?.podSelector ?? {}, 'spec.podSelector')]
  ;(spec?.ingress ?? []).forEach(({ ports = [], from = [] }, index) => {
    const at = `spec.ingress[${index}]`
    ports.forEach((port, i) => errors.push(...validatePort(port, `${at}.ports[${i}]`)))
    from.forEach((peer, i) => errors.push(...validatePeer(peer, `${at}.from[${i}]`)))
  })
  ;(spec?.egress ?? []).forEach(({ ports = [], to = [] }, index) => {
    const at = `spec.egress[${index}]`
    ports.forEach((port, i) => errors.push(...validatePort(port, `${at}.ports[${i}]`)))
    to.forEach((peer, i) => errors.push(...validatePeer(peer, `${at}.to[${i}]`)))
  })
  const types = spec?.policyTypes ?? []
  if (types.length > 2) errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'))
  else types.forEach((type, index) => { if (!POLICY_TYPES.includes(type as 'Egress')) errors.push(notSupported(`spec.policyTypes[${index}]`, type, POLICY_TYPES)) })
  return errors
}

function validatePort({ port, endPort, protocol }: NetworkPolicyPort, path: string): readonly FieldError[] {
  const errors: FieldError[] = [...oneOf(`${path}.protocol`, protocol, TRANSPORT_PROTOCOLS)]
  if (typeof port === 'string') errors.push(...ianaPortName(port).map(problem => invalid(`${path}.port`, port, problem)))
  else if (port !== undefined) errors.push(...portNumber(`${path}.port`, port))
  if (endPort === undefined) return errors
  if (port === undefined) return [...errors, invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified')]
  if (typeof port === 'string') return [...errors, invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric')]
  // Upstream shows the port here, not the endPort.
  if (endPort < port) errors.push(invalid(`${path}.endPort`, port, 'must be greater than or equal to `port`'))
  return [...errors, ...portNumber(`${path}.endPort`, endPort)]
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (podSelector !== undefined) errors.push(...validateLabelSelector(podSelector, `${path}.podSelector`))
  if (namespaceSelector !== undefined) errors.push(...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`))
  if (ipBlock === undefined) return podSelector === undefined && namespaceSelector === undefined ? [required(path, 'must specify a peer')] : errors
  if (podSelector !== undefined || namespaceSelector !== undefined) errors.push(forbidden(path, 'may not specify both ipBlock and another peer'))
  const cidr = ipBlock.cidr ?? ''
  if (cidr === '') return [...errors, required(`${path}.ipBlock.cidr`)]
  errors.push(...validateCidr(`${path}.ipBlock.cidr`, cidr))
  const outer = prefixOfCidr(cidr)
  ;(ipBlock.except ?? []).forEach((text, index) => {
    const at = `${path}.ipBlock.except[${index}]`
    const problems = validateCidr(at, text)
    const inner = prefixOfCidr(text)
    errors.push(...problems)
    if (outer !== undefined && inner !== undefined && (!containsPrefix(outer, inner) || inner.length === outer.length)) {
      errors.push(invalid(at, text, 'must be a strict subset of `cidr`'))
    }
  })
  return errors
}

function prefixOfCidr(text: string): ReturnType<typeof prefixOf> | undefined {
  const parsed = parseCidr(text)
  return parsed === undefined ? undefined : prefixOf(parsed.address, parsed.length)
}

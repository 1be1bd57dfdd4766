// networking.k8s.io/v1 Ingress and IngressClass.

import type { HTTPIngressPath, Ingress, IngressBackend, IngressClass } from 'kubernetes-types/networking/v1.d.ts'
import { dns1123Subdomain, ianaPortName } from '../../metadata/names.ts'
import { portNumber } from '../../metadata/validate-value.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import { statusRules, type Strategy } from '../../registry/strategy.ts'
import { immutable, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { INGRESS_CLASS_TABLE, INGRESS_TABLE } from '../../tables/networking.ts'

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'] as const
const specChanged = (next: ApiObject, old: ApiObject): boolean => !equalJson(next['spec'], old['spec'])

export const ingressStrategy = (base: Strategy): Strategy => ({
  ...base,
  prepareForCreate: draft => { draft['status'] = { loadBalancer: {} } },
  validateCreate: validateIngress,
  update: { ...base.update, validate: validateIngress },
  subresources: { status: statusRules({ metadata: ['labels', 'annotations'] }) },
  generationChanges: specChanged,
  table: INGRESS_TABLE,
})

function validateIngress(object: ApiObject): readonly FieldError[] {
  const { rules = [], defaultBackend, ingressClassName } = (object as unknown as Ingress).spec ?? {}
  const errors: FieldError[] = []
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalid('spec', null, 'either `defaultBackend` or `rules` must be specified'))
  }
  if (defaultBackend !== undefined) errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'))
  rules.forEach(({ host = '', http }, index) => {
    const at = `spec.rules[${index}]`
    if (host !== '') errors.push(...dns1123Subdomain(host.replace(/^\*\./, 'a.')).map(problem => invalid(`${at}.host`, host, problem)))
    if (http !== undefined && (http.paths ?? []).length === 0) errors.push(required(`${at}.http.paths`))
    ;(http?.paths ?? []).forEach((path, i) => errors.push(...validatePath(path, `${at}.http.paths[${i}]`)))
  })
  if (ingressClassName !== undefined) errors.push(...dns1123Subdomain(ingressClassName).map(problem => invalid('spec.ingressClassName', ingressClassName, problem)))
  return errors
}

function validatePath({ path = '', pathType, backend }: HTTPIngressPath, at: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (pathType === undefined) errors.push(required(`${at}.pathType`, 'pathType must be specified'))
  else if (!PATH_TYPES.includes(pathType as 'Exact')) errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES))
  if ((pathType === 'Exact' || pathType === 'Prefix' || path !== '') && !path.startsWith('/')) errors.push(invalid(`${at}.path`, path, 'must be an absolute path'))
  return [...errors, ...validateBackend(backend ?? {}, `${at}.backend`)]
}

function validateBackend({ service, resource }: IngressBackend, at: string): readonly FieldError[] {
  if (service === undefined && resource === undefined) return [invalid(at, '', 'resource or service backend is required')]
  if (service !== undefined && resource !== undefined) return [invalid(at, '', 'cannot set both resource and service backends')]
  if (service === undefined) return []
  const errors: FieldError[] = (service.name ?? '') === '' ? [required(`${at}.service.name`)] : []
  const { name = '', number = 0 } = service.port ?? {}
  if (name === '' && number === 0) errors.push(required(at, 'port name or number is required'))
  else if (name !== '' && number !== 0) errors.push(invalid(at, service.port, 'cannot set both port name & port number'))
  else if (name === '') errors.push(...portNumber(`${at}.service.port.number`, number))
  else errors.push(...ianaPortName(name).map(problem => invalid(`${at}.service.port.name`, name, problem)))
  return errors
}

export const ingressClassStrategy = (base: Strategy): Strategy => ({
  ...base,
  validateCreate: validateClass,
  update: {
    ...base.update,
    validate: (next, old) => [
      ...validateClass(next),
      ...(controllerOf(next) === controllerOf(old) ? [] : [immutable('spec.controller', controllerOf(next))]),
    ],
  },
  generationChanges: specChanged,
  table: INGRESS_CLASS_TABLE,
})

const controllerOf = (object: ApiObject): string => (object as unknown as IngressClass).spec?.controller ?? ''

function validateClass(object: ApiObject): readonly FieldError[] {
  const controller = controllerOf(object)
  if (controller === '') return [required('spec.controller')]
  // "example.com/path/of/any/depth": a domain and a path.
  const [domain = '', ...path] = controller.split('/')
  if (path.length === 0 || path.join('/') === '') return [invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  return dns1123Subdomain(domain).map(problem => invalid('spec.controller', controller, problem))
}

// v1 Node.

import type { Node, NodeSpec } from 'kubernetes-types/core/v1.d.ts'
import { parseCidr, validateCidr } from '../../metadata/validate-ip.ts'
import { parseQuantity } from '../../metadata/quantity.ts'
import { qualifiedName } from '../../metadata/names.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import { statusRules, type Strategy } from '../../registry/strategy.ts'
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { NODE_TABLE } from '../../tables/node.ts'

export const NOT_READY_TAINT = 'node.kubernetes.io/not-ready'
/** Upstream's TTL controller writes it; flanneld ends in a panic on a node whose annotations are null. */
export const TTL_ANNOTATION = 'node.alpha.kubernetes.io/ttl'
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const

const specOf = (object: ApiObject): NodeSpec => (object as unknown as Node).spec ?? {}

export const nodeStrategy = (base: Strategy): Strategy => ({
  ...base,
  applyDefaults: draft => {
    draft['spec'] ??= {}
    const spec = draft['spec'] as NodeSpec
    if ((spec.podCIDR ?? '') !== '' && (spec.podCIDRs?.length ?? 0) === 0) spec.podCIDRs = [spec.podCIDR!]
    else if ((spec.podCIDR ?? '') === '' && spec.podCIDRs?.[0] !== undefined) spec.podCIDR = spec.podCIDRs[0]
    const status = draft['status'] as Node['status']
    if (status?.capacity !== undefined && status.allocatable === undefined) draft['status'] = { ...status, allocatable: { ...status.capacity } }
  },
  // Unlike other kinds a node may come with its status: kubelets register themselves in one request.
  prepareForCreate: draft => {
    draft['spec'] ??= {}
    const spec = draft['spec'] as NodeSpec
    const tainted = (spec.taints ?? []).some(({ key, effect }) => key === NOT_READY_TAINT && effect === 'NoSchedule')
    if (!tainted) spec.taints = [...(spec.taints ?? []), { key: NOT_READY_TAINT, effect: 'NoSchedule' }]
    draft.metadata.annotations = { [TTL_ANNOTATION]: '0', ...draft.metadata.annotations }
  },
  validateCreate: object => validateNode(object).filter(({ field }) => !field.startsWith('status.addresses')),
  update: { ...base.update, validate: (next, old) => [...validateNode(next), ...validateChange(next, old)] },
  subresources: { status: statusRules({ metadata: ['labels', 'annotations'], validate: validateNode }) },
  fieldLabels: ['spec.unschedulable'],
  selectableFields: object => ({ 'spec.unschedulable': String(specOf(object).unschedulable ?? false) }),
  table: NODE_TABLE,
})

function validateNode(object: ApiObject): readonly FieldError[] {
  const { spec = {}, status = {} } = object as unknown as Node
  const errors: FieldError[] = []
  const taints = new Set<string>()
  ;(spec.taints ?? []).forEach(({ key = '', value = '', effect = '' }, index) => {
    const at = `metadata.taints[${index}]`
    if (key === '') errors.push(required(`${at}.key`))
    else errors.push(...qualifiedName(key).map(problem => invalid(`${at}.key`, key, problem)))
    if (effect === '') errors.push(required(`${at}.effect`))
    else if (!EFFECTS.includes(effect as 'NoExecute')) errors.push(notSupported(`${at}.effect`, effect, EFFECTS))
    const id = `${key}:${effect}`
    if (taints.has(id)) errors.push({ ...duplicate(at, { key, value, effect }), body: `Duplicate value: ${JSON.stringify({ Key: key, Value: value, Effect: effect, TimeAdded: null })}: taints must be unique by key and effect pair` })
    taints.add(id)
  })
  errors.push(...validatePodCidrs(spec))
  const addresses = new Set<string>()
  ;(status.addresses ?? []).forEach((entry, index) => {
    const id = `${entry.type}/${entry.address}`
    if (addresses.has(id)) errors.push(duplicate(`status.addresses[${index}]`, entry))
    addresses.add(id)
  })
  for (const list of ['capacity', 'allocatable'] as const) {
    for (const [name, quantity] of Object.entries(status[list] ?? {})) {
      const amount = parseQuantity(quantity)
      if (amount === undefined || amount < 0n) errors.push(invalid(`status.${list}.${name}`, quantity, 'must be greater than or equal to 0'))
    }
  }
  return errors
}

function validatePodCidrs({ podCIDR = '', podCIDRs = [] }: NodeSpec): readonly FieldError[] {
  const errors = podCIDRs.flatMap((text, index) => validateCidr(`spec.podCIDRs[${index}]`, text))
  if (podCIDRs.length > 0 && podCIDR !== '' && podCIDR !== podCIDRs[0]) {
    errors.push(invalid('spec.podCIDRs[0]', podCIDRs[0], 'must match `podCIDR`'))
  }
  if (podCIDRs.length > 2) errors.push(invalid('spec.podCIDRs', podCIDRs, 'may not hold more than 2 values'))
  const families = podCIDRs.map(text => parseCidr(text)?.address.family)
  if (podCIDRs.length === 2 && families[0] !== undefined && families[0] === families[1]) {
    errors.push(invalid('spec.podCIDRs', podCIDRs, 'may specify no more than one CIDR for each IP family'))
  }
  return errors
}

function validateChange(next: ApiObject, old: ApiObject): readonly FieldError[] {
  const [spec, before] = [specOf(next), specOf(old)]
  const errors: FieldError[] = []
  if ((before.podCIDRs?.length ?? 0) > 0 && !equalJson(spec.podCIDRs, before.podCIDRs)) {
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'))
  }
  if ((before.providerID ?? '') !== '' && spec.providerID !== before.providerID) {
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'))
  }
  if ((spec.externalID ?? '') !== (before.externalID ?? '')) errors.push(forbidden('spec.externalID', 'may not be updated'))
  return errors
}

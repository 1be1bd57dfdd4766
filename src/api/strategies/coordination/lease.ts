// coordination.k8s.io/v1 Lease.

import type { Lease } from 'kubernetes-types/coordination/v1.d.ts'
import { nonNegative } from '../../metadata/validate-value.ts'
import type { ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { invalid, type FieldError } from '../../status/field-error.ts'
import { LEASE_TABLE } from '../../tables/core.ts'

function validateLease(object: ApiObject): readonly FieldError[] {
  const { leaseDurationSeconds, leaseTransitions } = (object as unknown as Lease).spec ?? {}
  return [
    ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0 ? [invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')] : []),
    ...nonNegative('spec.leaseTransitions', leaseTransitions),
  ]
}

export const leaseStrategy = (base: Strategy): Strategy => ({
  ...base, validateCreate: validateLease, update: { ...base.update, validate: validateLease }, createsOnUpdate: true, requiresResourceVersion: true, table: LEASE_TABLE,
})

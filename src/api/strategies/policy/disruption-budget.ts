// policy/v1 PodDisruptionBudget.

import { numberOrPercent } from '../../metadata/validate-value.ts'
import { equalJson, type ApiObject } from '../../object.ts'
import type { Strategy } from '../../registry/strategy.ts'
import { invalid, type FieldError } from '../../status/field-error.ts'
import { POD_DISRUPTION_BUDGET_TABLE } from '../../tables/core.ts'

type Budget = { spec?: { minAvailable?: number | string; maxUnavailable?: number | string } }

function validateBudget(object: ApiObject): readonly FieldError[] {
  const { minAvailable, maxUnavailable } = (object as unknown as Budget).spec ?? {}
  const errors: FieldError[] = []
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalid('spec', { minAvailable, maxUnavailable }, 'minAvailable and maxUnavailable cannot be both set'))
  }
  for (const [field, value] of [['minAvailable', minAvailable], ['maxUnavailable', maxUnavailable]] as const) {
    errors.push(...numberOrPercent(`spec.${field}`, value))
  }
  return errors
}

export const budgetStrategy = (base: Strategy): Strategy => ({
  ...base,
  validateCreate: validateBudget,
  update: { ...base.update, validate: validateBudget },
  prepareForCreate: draft => { draft['status'] = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 } },
  requiresResourceVersion: true, table: POD_DISRUPTION_BUDGET_TABLE,
  generationChanges: (next, old) => !equalJson(next['spec'], old['spec']),
})

// Every kind with rules of its own, by "group/plural"; the rest are stored under the generic rules.

import type { ApiResource } from '../registry/resource.ts'
import { genericStrategy, type Strategy } from '../registry/strategy.ts'
import { serviceStrategy } from './service/strategy.ts'

const STRATEGIES: Readonly<Record<string, (base: Strategy) => Strategy>> = {
  '/services': serviceStrategy,
}

/** The strategy of a built-in resource. */
export function strategyOf(resource: ApiResource): Strategy {
  const base = genericStrategy(resource)
  const refine = STRATEGIES[`${resource.group}/${resource.plural}`]
  return refine === undefined ? base : refine(base)
}

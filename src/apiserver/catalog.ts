// Which resources are served right now: the built-in ones, and those that CustomResourceDefinitions add.

import { builtinIndex, type ResourceIndex } from '../api/registry/resource-index.ts'
import type { ApiResource } from '../api/registry/resource.ts'
import type { Strategy } from '../api/registry/strategy.ts'
import { strategyOf } from '../api/strategies/index.ts'

export class Catalog {
  #index: ResourceIndex = builtinIndex()
  readonly #strategies = new WeakMap<ApiResource, Strategy>()
  /** Grows with every change, so that what was made from an older index can be told. */
  #generation = 0

  get index(): ResourceIndex {
    return this.#index
  }

  get generation(): number {
    return this.#generation
  }

  /** A built-in resource that the server itself works with. */
  builtin(group: string, plural: string): ApiResource {
    const found = this.#index.resources.find(resource => resource.group === group && resource.plural === plural)
    if (found === undefined) throw new TypeError(`there is no built-in resource ${plural} in group "${group}"`)
    return found
  }

  strategy(resource: ApiResource): Strategy {
    let strategy = this.#strategies.get(resource)
    if (strategy === undefined) {
      strategy = strategyOf(resource)
      this.#strategies.set(resource, strategy)
    }
    return strategy
  }

  /** Swaps the set of resources; `strategies` are those of resources that are not built in. */
  replace(index: ResourceIndex, strategies: ReadonlyMap<ApiResource, Strategy>): void {
    for (const [resource, strategy] of strategies) this.#strategies.set(resource, strategy)
    this.#index = index
    this.#generation += 1
  }
}

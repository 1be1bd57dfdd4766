// Two Services may claim one address and port. One of them gets it, the same one on every node and after every
// restart: the older, then the first by name. The other gets it when the first lets go.

import { packed } from '../packed.ts'
import type { ServicePort, ServicePortKey } from '../tracker/service-port.ts'
import { frontendKeyOf, frontendsOf, type Frontend, type FrontendKey } from './frontend.ts'

type Claimant = Readonly<{ key: ServicePortKey; createdAtMs: number }>

const isBefore = (a: Claimant, b: Claimant): boolean =>
  a.createdAtMs !== b.createdAtMs ? a.createdAtMs < b.createdAtMs : a.key < b.key

/** A claim that is not granted. */
export type Conflict = Readonly<{ frontend: Frontend; holder: ServicePortKey; claimant: ServicePortKey }>

export class Claims {
  /** One claimant nearly always; several in the order in which they would be served. */
  readonly #claimants = new Map<FrontendKey, readonly Claimant[]>()

  /** Adds the port's claims. Answers who else is affected. */
  add(port: ServicePort): readonly ServicePortKey[] {
    return this.#change(port, (claimants, mine) => {
      const at = claimants.findIndex(other => isBefore(mine, other))
      return at === -1 ? [...claimants, mine] : claimants.toSpliced(at, 0, mine)
    })
  }

  /** Withdraws the port's claims. Answers who else is affected. */
  remove(port: ServicePort): readonly ServicePortKey[] {
    return this.#change(port, (claimants, mine) => claimants.filter(other => other.key !== mine.key))
  }

  #change(port: ServicePort, change: (claimants: readonly Claimant[], mine: Claimant) => readonly Claimant[]): readonly ServicePortKey[] {
    const mine = { key: port.key, createdAtMs: port.createdAtMs }
    const affected: ServicePortKey[] = []
    for (const frontend of frontendsOf(port)) {
      const key = frontendKeyOf(frontend)
      const before = this.#claimants.get(key) ?? []
      const after = change(before, mine)
      if (after.length === 0) this.#claimants.delete(key)
      else this.#claimants.set(key, after)
      if (before.length + after.length > 2 || before[0]?.key !== after[0]?.key) affected.push(...[...before, ...after].map(other => other.key))
    }
    return affected.filter(key => key !== port.key)
  }

  /** The frontends that the port holds. */
  held(port: ServicePort): readonly Frontend[] {
    return packed(frontendsOf(port).filter(frontend => this.#claimants.get(frontendKeyOf(frontend))?.[0]?.key === port.key))
  }

  /** The frontends that the port asks for and another one holds. */
  refused(port: ServicePort): readonly Conflict[] {
    return frontendsOf(port).flatMap(frontend => {
      const holder = this.#claimants.get(frontendKeyOf(frontend))?.[0]?.key
      return holder === undefined || holder === port.key ? [] : [{ frontend, holder, claimant: port.key }]
    })
  }
}

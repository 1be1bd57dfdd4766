// Counts, without walking the table, the service ports that a Local policy leaves without endpoints on this node.

import { isExternallyUsable, type ServiceEntry } from '../service-table/entry.ts'
import type { EntryChange } from '../service-table/service-table.ts'

export class LocalPolicyCount {
  internal = 0
  external = 0

  apply(changes: readonly EntryChange[]): void {
    for (const { before, after } of changes) {
      this.internal += Number(lacksInternal(after)) - Number(lacksInternal(before))
      this.external += Number(lacksExternal(after)) - Number(lacksExternal(before))
    }
  }
}

const lacksInternal = (entry: ServiceEntry | undefined): boolean =>
  entry !== undefined && entry.port.internalPolicyLocal && entry.usableAnywhere && entry.local.length === 0

const lacksExternal = (entry: ServiceEntry | undefined): boolean =>
  entry !== undefined && entry.port.externalPolicyLocal && isExternallyUsable(entry) && entry.local.length === 0

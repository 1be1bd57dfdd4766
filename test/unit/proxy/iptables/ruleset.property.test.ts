// Changing the ruleset step by step gives the ruleset that building it from scratch gives.

import test from 'ava'
import fc from 'fast-check'
import { parsePrefix } from '../../../../src/net/ip/prefix.ts'
import { parseAddress } from '../../../../src/net/ip/address.ts'
import { type SavedTable, type TableName } from '../../../../src/net/iptables/saved-table.ts'
import type { TableChange } from '../../../../src/net/iptables/restore-input.ts'
import { Ruleset } from '../../../../src/proxy/iptables/ruleset.ts'
import { jumps } from '../../../../src/proxy/iptables/plan-fixed.ts'
import { planRepair } from '../../../../src/proxy/iptables/plan-repair.ts'
import { planTransaction } from '../../../../src/proxy/iptables/plan-transaction.ts'
import type { RulesetOptions } from '../../../../src/proxy/iptables/options.ts'
import { ServiceTable } from '../../../../src/proxy/service-table/service-table.ts'
import { Tracker } from '../../../../src/proxy/tracker/tracker.ts'
import { history, lastState, tell, type Step } from '../arbitrary.ts'

const NODE = { nodeName: 'node-1', zone: 'zone-a', nodeIps: [parseAddress('192.168.0.2', 'ip'), parseAddress('2001:db8::1', 'ip')] }

const optionsFor = (family: 4 | 6): RulesetOptions => ({
  family, masqueradeMark: 0x4000, masqueradeAll: false, detector: { kind: 'source', prefix: parsePrefix(family === 4 ? '10.0.0.0/8' : 'fd00:10::/32', 'x') },
  guardLoopback: family === 4, dropInvalid: true, randomFully: true, counters: false,
})

/** A kernel's tables in plain code: what restore inputs leave behind. Refuses what the kernel refuses. */
class FakeTables {
  readonly #tables: Record<'filter' | 'nat' | 'mangle', Map<string, string[]>> = {
    filter: new Map(['INPUT', 'FORWARD', 'OUTPUT'].map(name => [name, []])),
    nat: new Map(['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'].map(name => [name, []])),
    mangle: new Map(['PREROUTING'].map(name => [name, []])),
  }

  restore(changes: readonly TableChange[]): void {
    for (const change of changes) {
      const chains = this.#of(change.table)
      for (const chain of change.chains) chains.set(chain, [])
      for (const line of change.lines) {
        const [verb, chain, ...rest] = line.split(' ')
        const rules = chains.get(chain!)
        if (rules === undefined) throw new Error(`no chain ${chain}: ${line}`)
        if (verb === '-A') rules.push(rest.join(' '))
        else if (verb === '-I') rules.unshift(rest.join(' '))
        else throw new Error(line)
      }
      for (const chain of change.removedChains) {
        if (chains.get(chain)?.length !== 0) throw new Error(`-X ${chain}: absent or not empty`)
        chains.delete(chain)
      }
      for (const [chain, rules] of chains) {
        for (const rule of rules) {
          const target = /-j (KUBE-\S+)/.exec(rule)?.[1]
          if (target !== undefined && !chains.has(target)) throw new Error(`${change.table} ${chain} jumps to ${target}, which is not there`)
        }
      }
    }
  }

  save(table: 'filter' | 'nat' | 'mangle'): SavedTable {
    return { table, chains: new Map([...this.#of(table)].map(([name, rules]) => [name, { name, policy: /^KUBE/.test(name) ? undefined : 'ACCEPT', rules: [...rules] }])) }
  }

  observed() {
    return { filter: this.save('filter'), nat: this.save('nat'), mangle: this.save('mangle') }
  }

  #of(table: TableName): Map<string, string[]> {
    if (table === 'raw' || table === 'security') throw new Error(table)
    return this.#tables[table]
  }
}

const plain = (tables: FakeTables): unknown =>
  Object.fromEntries(Object.entries(tables.observed()).map(([name, table]) => [name, Object.fromEntries([...table.chains].sort(([a], [b]) => (a < b ? -1 : 1)).map(([chain, { rules }]) => [chain, rules]))]))

function world(family: 4 | 6) {
  const options = optionsFor(family)
  const tracker = new Tracker({ family, nodeName: 'node-1', allowExternalIps: true, startedAtMs: 0 })
  const table = new ServiceTable(NODE)
  const ruleset = new Ruleset(options, { kind: 'all', loopback: options.guardLoopback })
  const kernel = new FakeTables()
  return {
    tracker, kernel, table,
    sync: () => kernel.restore(planTransaction(ruleset.apply(table.apply(tracker.takeChanges().ports), true), undefined)),
    repair: (batchSize?: number) => {
      ruleset.apply(table.apply(tracker.takeChanges().ports), true)
      const repair = planRepair(ruleset.chains(table.entries(), true), jumps(options), kernel.observed(), batchSize)
      kernel.restore(repair.changes)
      return repair
    },
  }
}

function fromScratch(family: 4 | 6, events: readonly Step[]): unknown {
  const fresh = world(family)
  for (const event of lastState(events)) tell(fresh.tracker, event)
  fresh.repair(5)
  return plain(fresh.kernel)
}

for (const family of [4, 6] as const) {
  test(`[IPv${family}] step by step and from scratch give the same ruleset, and then nothing is left to repair`, t => {
    fc.assert(
      fc.property(history, batches => {
        const live = world(family)
        live.repair()
        for (const batch of batches) {
          for (const event of batch) tell(live.tracker, event)
          live.sync()
        }
        t.deepEqual(plain(live.kernel), fromScratch(family, batches.flat()))
        t.deepEqual(live.repair().changes, [])
      }),
      { numRuns: 150 },
    )
  })

  test(`[IPv${family}] whatever is edited or deleted behind our back comes back, and foreign rules stay`, t => {
    fc.assert(
      fc.property(history, fc.integer(), fc.constantFrom('flush', 'edit', 'leftover', 'foreign'), (batches, pick, damage) => {
        const live = world(family)
        for (const event of batches.flat()) tell(live.tracker, event)
        live.repair()
        const good = plain(live.kernel)
        const nat = [...live.kernel.save('nat').chains.values()].filter(chain => chain.rules.length > 0)
        const victim = nat[Math.abs(pick) % nat.length]!
        const foreign = { table: 'nat', chains: ['DOCKER'], lines: ['-A DOCKER -j RETURN', '-A OUTPUT -j DOCKER'], removedChains: [] } as const
        if (damage === 'flush' && victim.policy === undefined) live.kernel.restore([{ table: 'nat', chains: [victim.name], lines: [], removedChains: [] }])
        if (damage === 'edit' && victim.policy === undefined) live.kernel.restore([{ table: 'nat', chains: [], lines: [`-I ${victim.name} -j ACCEPT`], removedChains: [] }])
        if (damage === 'leftover') live.kernel.restore([{ table: 'nat', chains: ['KUBE-SVC-AAAAAAAAAAAAAAAA'], lines: ['-A KUBE-SVC-AAAAAAAAAAAAAAAA -j RETURN'], removedChains: [] }])
        if (damage === 'foreign') live.kernel.restore([foreign])
        live.repair()
        if (damage !== 'foreign') t.deepEqual(plain(live.kernel), good)
        else t.deepEqual(live.kernel.save('nat').chains.get('OUTPUT')?.rules.includes('-j DOCKER'), true)
      }),
      { numRuns: 60 },
    )
  })
}

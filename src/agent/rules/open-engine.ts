// Chooses and opens the rule engine that the configuration asks for, and takes the other one's leftovers away.

import { Iptables } from '../../net/iptables/iptables.ts'
import type { Family } from '../../net/ip/address.ts'
import { isAbort, WeftError } from '../../ops/errors.ts'
import type { Logger } from '../../ops/log.ts'
import { FAMILIES, perFamily, type PerFamily } from '../leases/per-family.ts'
import { IptablesEngine } from './iptables-engine.ts'
import { NftablesEngine, removeNftTables } from './nftables-engine.ts'
import type { RuleEngine } from './rule-engine.ts'

export type EngineRequest = Readonly<{ nftables: boolean; families: readonly Family[]; instance: string; log: Logger; signal: AbortSignal }>

export async function openRuleEngine(request: EngineRequest): Promise<RuleEngine> {
  const engine = request.nftables ? await NftablesEngine.open(request) : await openIptables(request.families, request)
  await removeOther(engine, request)
  return engine
}

async function openIptables(families: readonly Family[], { signal }: Readonly<{ signal: AbortSignal }>): Promise<IptablesEngine> {
  const opened: { -readonly [F in Family]?: Iptables } = {}
  for (const family of families) opened[family] = await Iptables.open({ family, signal })
  return new IptablesEngine(perFamily(family => opened[family]) satisfies PerFamily<Iptables>)
}

/** A host that switches engines must not masquerade twice. */
async function removeOther(engine: RuleEngine, request: EngineRequest): Promise<void> {
  try {
    if (engine.name === 'iptables') await removeNftRules(request.instance, request)
    else await removeIptablesRules(request.instance, request)
  } catch (err) {
    if (isAbort(err, request.signal)) throw err
    request.log.warn({ err }, 'cannot remove the rules of the other engine')
  }
}

/** Everything of that instance, of both engines and families. */
export async function removeRules(instance: string, call: Readonly<{ signal: AbortSignal }>): Promise<void> {
  await removeNftRules(instance, call)
  await removeIptablesRules(instance, call)
}

const removeNftRules = (instance: string, call: Readonly<{ signal: AbortSignal }>): Promise<void> => unlessMissing('NFT_MISSING', () => removeNftTables(instance, call))

const removeIptablesRules = (instance: string, call: Readonly<{ signal: AbortSignal }>): Promise<void> =>
  unlessMissing('IPTABLES_MISSING', async () => (await openIptables(FAMILIES, call)).remove(instance, call))

/** Without its program an engine has left no rules that could be removed. */
async function unlessMissing(code: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== code) throw error
  }
}

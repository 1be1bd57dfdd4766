// Asks the kernel, before anything is written, for everything that our tables are made of. Each question is a batch that ends
// with the deletion of what it began with, so that nothing is ever in force.

import { release } from 'node:os'
import { WeftError } from '../../ops/errors.ts'
import type { Family } from '../../net/ip/address.ts'
import { isRefusal } from '../../net/netlink/netlink-error.ts'
import type { Change, Set } from '../../net/nfnetlink/objects.ts'
import type { Expression } from '../../net/nfnetlink/expressions/expression.ts'
import type { Nftables } from '../../net/nfnetlink/nftables.ts'
import { register } from '../../net/nfnetlink/registers.ts'
import { isLocalAddress, isNew, loadAddress, masquerade } from '../nftables/match.ts'
import { setDefinitions, tableOf } from '../nftables/sets.ts'

type Feature = Readonly<{ option: string; expressions?: readonly Expression[]; sets?: readonly Set[] }>

/** The kernel configuration's name of each thing we use (net/netfilter/Kconfig of Linux 6.12). */
function features(family: Family): readonly Feature[] {
  const [r0, r1] = [register(0), register(4)]
  return [
    { option: 'CONFIG_NF_TABLES', sets: setDefinitions(family) },
    { option: 'CONFIG_NFT_NAT', expressions: [{ kind: 'immediate', dreg: r0, data: new Uint8Array(family === 4 ? 4 : 16) }, { kind: 'nat', type: 'dnat', family, regAddress: r0 }] },
    { option: 'CONFIG_NFT_MASQ', expressions: [masquerade] },
    { option: 'CONFIG_NFT_CT', expressions: isNew },
    { option: 'CONFIG_NFT_NUMGEN', expressions: [{ kind: 'numgen', dreg: r0, modulus: 2, type: 'random', offset: 0 }] },
    { option: 'CONFIG_NFT_REJECT', expressions: [{ kind: 'reject', type: 'icmp-unreach', code: family === 4 ? 3 : 4 }] },
    { option: family === 4 ? 'CONFIG_NFT_FIB_IPV4' : 'CONFIG_NFT_FIB_IPV6', expressions: isLocalAddress('daddr') },
    {
      option: 'CONFIG_NF_TABLES (dynamic sets)', sets: setDefinitions(family).filter(({ set }) => set === 'affinity'),
      expressions: [loadAddress(family, 'saddr', r0), { kind: 'meta', dreg: family === 4 ? register(1) : r1, key: 'priority' }, { kind: 'dynset', set: 'affinity', op: 'delete', sregKey: r0, sregData: family === 4 ? register(1) : r1 }],
    },
  ]
}

function question(family: Family, table: string, { expressions = [], sets = [] }: Feature): readonly Change[] {
  const where = { ...tableOf(family), table }
  return [
    { kind: 'add-table', table: where },
    ...sets.map((set): Change => ({ kind: 'add-set', set: { ...set, table } })),
    // Without a hook: a base chain that comes and goes would disturb the hooks of others.
    { kind: 'add-chain', chain: { ...where, chain: 'probe' } },
    ...(expressions.length === 0 ? [] : [{ kind: 'add-rule', rule: { ...where, chain: 'probe', expressions } } satisfies Change]),
    { kind: 'delete-table', table: where },
  ]
}

/** Throws PROXY_NFTABLES_UNSUPPORTED, naming what this kernel lacks, when our tables cannot be made on it. */
export async function requireFeatures(nft: Pick<Nftables, 'commit'>, family: Family, call: Readonly<{ signal: AbortSignal }>): Promise<void> {
  const missing: string[] = []
  let cause: unknown
  for (const feature of features(family)) {
    try {
      await nft.commit(question(family, `weft-probe-${process.pid}`, feature), call)
    } catch (error) {
      // An expression whose module is absent is ENOENT; EOPNOTSUPP and EINVAL are kernels that do not know what is asked.
      if (!isRefusal(error, 'ENOENT', 'EOPNOTSUPP', 'EINVAL', 'EAFNOSUPPORT')) throw error
      cause = error
      missing.push(feature.option)
    }
  }
  if (missing.length === 0) return
  throw new WeftError('PROXY_NFTABLES_UNSUPPORTED', `Linux ${release()} lacks what nftables mode needs in IPv${family}: ${missing.join(', ')}; load or build these, or use --proxy-mode iptables`, { kernel: release(), family, missing }, { cause })
}

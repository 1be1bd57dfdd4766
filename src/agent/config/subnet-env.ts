// /run/flannel/subnet.env: what CNI plugins and a restarted agent read about this host's network.
// Names and order of the lines are flannel's; a shell sources the file.

import { formatAddress, tryParseAddress } from '../../net/ip/address.ts'
import { addressAt, formatPrefix, prefixOf, type Prefix } from '../../net/ip/prefix.ts'
import { familiesOf, perFamily, type PerFamily } from '../leases/per-family.ts'

export type SubnetEnv = Readonly<{
  networks: PerFamily<Prefix>
  subnets: PerFamily<Prefix>
  mtu: number
  ipMasq: boolean
}>

const NAMES = { 4: { network: 'FLANNEL_NETWORK', subnet: 'FLANNEL_SUBNET' }, 6: { network: 'FLANNEL_IPV6_NETWORK', subnet: 'FLANNEL_IPV6_SUBNET' } } as const

/** The file's text. A subnet is written as its first usable address, which the bridge will take. */
export function formatSubnetEnv(env: SubnetEnv): string {
  const lines = familiesOf(env.subnets).flatMap(family => {
    const [network, subnet] = [env.networks[family]!, env.subnets[family]!]
    return [`${NAMES[family].network}=${formatPrefix(network)}`, `${NAMES[family].subnet}=${formatAddress(addressAt(subnet, 1n))}/${subnet.length}`]
  })
  return [...lines, `FLANNEL_MTU=${env.mtu}`, `FLANNEL_IPMASQ=${env.ipMasq}`, ''].join('\n')
}

/** Reads what a former run (of Weft or flannel) left; whatever cannot be understood counts as absent. */
export function parseSubnetEnv(text: string): Partial<SubnetEnv> & Pick<SubnetEnv, 'networks' | 'subnets'> {
  const values = new Map(text.split('\n').flatMap(line => shellAssignment(line)))
  const mtu = Number(values.get('FLANNEL_MTU') ?? Number.NaN)
  const ipMasq = values.get('FLANNEL_IPMASQ')
  return {
    networks: perFamily(family => onlyPrefix(values.get(NAMES[family].network), family)),
    subnets: perFamily(family => onlyPrefix(values.get(NAMES[family].subnet), family)),
    ...(Number.isInteger(mtu) && mtu > 0 ? { mtu } : {}),
    ...(ipMasq === undefined ? {} : { ipMasq: ipMasq === 'true' }),
  }
}

function shellAssignment(line: string): readonly (readonly [string, string])[] {
  const match = /^\s*(?:export\s+)?([A-Z0-9_]+)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*$/.exec(line)
  return match === null ? [] : [[match[1]!, match[2] ?? match[3] ?? match[4] ?? '']]
}

/** Of a comma list only a single valid entry counts; more than one says nothing about which is ours. */
function onlyPrefix(text: string | undefined, family: 4 | 6): Prefix | undefined {
  const valid = (text ?? '').split(',').flatMap(entry => {
    const [address, length] = entry.trim().split('/')
    const parsed = tryParseAddress(address ?? '')
    const bits = /^\d{1,3}$/.test(length ?? '') ? Number(length) : -1
    return parsed === undefined || parsed.family !== family || bits < 0 || bits > (family === 4 ? 32 : 128) ? [] : [prefixOf(parsed, bits)]
  })
  return valid.length === 1 ? valid[0] : undefined
}

// Rates a pod may send and receive at: keys of the bandwidth plugin, static or from the runtime.

import { CniError } from '../cni-error.ts'
import { Fields } from '../request/fields.ts'

/** Bits per second, and bits that may go at once. */
export type Rate = Readonly<{ bitsPerSecond: number; burstBits: number }>
/** `ingress` is towards the pod. */
export type Bandwidth = Readonly<{ ingress: Rate | undefined; egress: Rate | undefined }>

const KEYS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst']

/** The configuration's own keys if any is set, else the runtime's. */
export function readBandwidth(config: Fields): Bandwidth {
  const own = KEYS.some(key => (config.integer(key) ?? 0) !== 0)
  const source = own ? config : (config.object('runtimeConfig')?.object('bandwidth') ?? new Fields({}, 'runtimeConfig.bandwidth.'))
  return { ingress: readRate(source, 'ingress'), egress: readRate(source, 'egress') }
}

function readRate(fields: Fields, direction: 'ingress' | 'egress'): Rate | undefined {
  const bitsPerSecond = fields.integer(`${direction}Rate`) ?? 0
  const burstBits = fields.integer(`${direction}Burst`) ?? 0
  const invalid = (key: string, value: number, problem: string): CniError => new CniError('CNI_INVALID_NETWORK_CONFIG', `${fields.name(key)}: ${value} ${problem}`)
  if (bitsPerSecond < 0) throw invalid(`${direction}Rate`, bitsPerSecond, 'is negative')
  if (burstBits < 0) throw invalid(`${direction}Burst`, burstBits, 'is negative')
  if (bitsPerSecond === 0 && burstBits === 0) return undefined
  if (burstBits === 0) throw invalid(`${direction}Burst`, burstBits, `must be set beside ${direction}Rate`)
  if (bitsPerSecond === 0) throw invalid(`${direction}Rate`, bitsPerSecond, `must be set beside ${direction}Burst`)
  // TCA_TBF_BURST is a u32 of bytes (include/uapi/linux/pkt_sched.h).
  if (burstBits / 8 >= 2 ** 32) throw invalid(`${direction}Burst`, burstBits, 'is more than 32 bits of bytes')
  return { bitsPerSecond, burstBits }
}

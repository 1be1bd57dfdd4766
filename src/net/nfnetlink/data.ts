// Values that registers, set keys and set data hold: raw bytes in network order, or a verdict (struct nft_data).

import type { Attributes } from '../netlink/attributes.ts'
import type { MessageWriter } from '../netlink/message-writer.ts'
import { NetlinkError } from '../netlink/netlink-error.ts'
import { NFTA_DATA, NFTA_VERDICT, VERDICT_CODE } from './constants.ts'

export type Verdict =
  | Readonly<{ kind: 'accept' | 'drop' | 'continue' | 'break' | 'return' }>
  | Readonly<{ kind: 'jump' | 'goto'; chain: string }>

export const accept: Verdict = { kind: 'accept' }
export const drop: Verdict = { kind: 'drop' }
export const jump = (chain: string): Verdict => ({ kind: 'jump', chain })
export const goto = (chain: string): Verdict => ({ kind: 'goto', chain })

/** Writes NFTA_DATA_VALUE inside attribute `type`. */
export const writeValue = (writer: MessageWriter, type: number, value: Uint8Array): MessageWriter =>
  writer.nested(type, w => w.bytes(NFTA_DATA.VALUE, value))

/** Writes NFTA_DATA_VERDICT inside attribute `type`. */
export const writeVerdict = (writer: MessageWriter, type: number, verdict: Verdict): MessageWriter =>
  writer.nested(type, outer =>
    outer.nested(NFTA_DATA.VERDICT, w => {
      w.u32be(NFTA_VERDICT.CODE, VERDICT_CODE[verdict.kind] >>> 0)
      if ('chain' in verdict) w.string(NFTA_VERDICT.CHAIN, verdict.chain)
    }),
  )

/** Reads what `writeValue` or `writeVerdict` wrote; undefined when the attribute is absent. */
export function readData(attributes: Attributes, type: number): Buffer | Verdict | undefined {
  const data = attributes.nested(type)
  if (data === undefined) return undefined
  return data.bytes(NFTA_DATA.VALUE) ?? readVerdict(data)
}

/** Reads NFTA_DATA_VERDICT among the attributes of a struct nft_data. */
export function readVerdict(data: Attributes): Verdict {
  const verdict = data.nested(NFTA_DATA.VERDICT)
  const code = verdict?.u32be(NFTA_VERDICT.CODE)
  const kind = (Object.keys(VERDICT_CODE) as (keyof typeof VERDICT_CODE)[]).find(name => VERDICT_CODE[name] >>> 0 === code)
  if (kind === undefined) throw new NetlinkError('NETLINK_MALFORMED', `nf_tables sent a verdict with the unknown code ${code}`)
  if (kind !== 'jump' && kind !== 'goto') return { kind }
  return { kind, chain: verdict?.string(NFTA_VERDICT.CHAIN) ?? '' }
}

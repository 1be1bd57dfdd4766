// Conditions under which a host port counts: portmap's `conditionsV4` and `conditionsV6`, written as matches of iptables or
// of nft. What is understood are source, destination, incoming interface and mark; anything else is refused, not ignored.

import { formatPrefix, parsePrefix, type Prefix } from '../../../src/net/ip/prefix.ts'
import { parseAddress, type Family } from '../../../src/net/ip/address.ts'
import { prefixOf } from '../../../src/net/ip/prefix.ts'
import { CniError } from '../cni-error.ts'

export type Condition = Readonly<{ not: boolean }> & (
  | Readonly<{ kind: 'source' | 'destination'; prefix: Prefix }>
  /** Every name that begins so, when `prefix` is true. */
  | Readonly<{ kind: 'interface'; name: string; prefix: boolean }>
  | Readonly<{ kind: 'mark'; value: number; mask: number }>
)

/** Where a list stands and for which family: what errors name. */
type Place = Readonly<{ field: string; family: Family }>

/** Which program's words they are, by the first character, as portmap tells them apart; undefined for an empty list. */
export const conditionDialect = (words: readonly string[]): 'iptables' | 'nftables' | undefined =>
  words[0] === undefined ? undefined : /^[-!]/.test(words[0]) ? 'iptables' : 'nftables'

export function readConditions(words: readonly string[], place: Place): readonly Condition[] {
  const rest = words.flatMap(word => word.split(/\s+/)).filter(word => word !== '')
  const read = conditionDialect(words) === 'iptables' ? readIptables : readNft
  const conditions: Condition[] = []
  while (rest.length > 0) conditions.push(read(rest, place))
  return conditions
}

/** As words of iptables, in one form for equal conditions; `readConditions` reads them back. */
export const formatConditions = (conditions: readonly Condition[]): readonly string[] => conditions.flatMap(condition => [...(condition.not ? ['!'] : []), ...formatCondition(condition)])

function formatCondition(condition: Condition): readonly string[] {
  switch (condition.kind) {
    case 'source':
      return ['-s', formatPrefix(condition.prefix)]
    case 'destination':
      return ['-d', formatPrefix(condition.prefix)]
    case 'interface':
      return ['-i', `${condition.name}${condition.prefix ? '+' : ''}`]
    case 'mark':
      return ['--mark', `0x${condition.value.toString(16)}/0x${condition.mask.toString(16)}`]
    default:
      return condition satisfies never
  }
}

/** Takes one match off the front: `[!] -s 10.0.0.0/8`, `-i eth+`, `-m mark [!] --mark 1/3`. */
function readIptables(rest: string[], place: Place): Condition {
  const taken = [...rest]
  let not = takeIf(rest, '!')
  let option = rest.shift()
  if (option === '-m' && rest[0] === 'mark') {
    rest.shift()
    not = takeIf(rest, '!') || not
    option = rest.shift()
  }
  const value = rest.shift()
  if (value === undefined) throw unsupported(place, taken)
  switch (option) {
    case '-s':
    case '--src':
    case '--source':
      return { kind: 'source', not, prefix: readPrefix(value, place) }
    case '-d':
    case '--dst':
    case '--destination':
      return { kind: 'destination', not, prefix: readPrefix(value, place) }
    case '-i':
    case '--in-interface':
      return readInterface(value, '+', not)
    case '--mark':
      return readMark(value, { not, place, taken })
    default:
      throw unsupported(place, taken)
  }
}

/** Takes one match off the front: `ip saddr [!=] 10.0.0.0/8`, `[meta] iifname "eth*"`, `meta mark 1`. */
function readNft(rest: string[], place: Place): Condition {
  const taken = [...rest]
  const header = place.family === 4 ? 'ip' : 'ip6'
  const [first, second] = rest
  const isAddress = first === header && (second === 'saddr' || second === 'daddr')
  if (isAddress || first === 'meta') rest.shift()
  const what = rest.shift()
  const not = takeIf(rest, '!=')
  if (!not) takeIf(rest, '==')
  const value = rest.shift()
  if (value === undefined) throw unsupported(place, taken)
  if (isAddress) return { kind: what === 'saddr' ? 'source' : 'destination', not, prefix: readPrefix(value, place) }
  if (what === 'iifname') return readInterface(value.replaceAll('"', ''), '*', not)
  if (what === 'mark') return readMark(value, { not, place, taken })
  throw unsupported(place, taken)
}

function takeIf(rest: string[], word: string): boolean {
  if (rest[0] !== word) return false
  rest.shift()
  return true
}

function readPrefix(text: string, { field, family }: Place): Prefix {
  const address = text.includes('/') ? undefined : parseAddress(text, field)
  const prefix = address === undefined ? parsePrefix(text, field) : prefixOf(address, address.family === 4 ? 32 : 128)
  if (prefix.family !== family) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `${field}: ${JSON.stringify(text)} is not of IPv${family}`)
  return prefix
}

const readInterface = (text: string, wildcard: string, not: boolean): Condition =>
  text.endsWith(wildcard) ? { kind: 'interface', not, name: text.slice(0, -1), prefix: true } : { kind: 'interface', not, name: text, prefix: false }

function readMark(text: string, { not, place, taken }: Readonly<{ not: boolean; place: Place; taken: readonly string[] }>): Condition {
  const [value, mask] = text.split('/', 2).map(part => (/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(part) ? Number(part) : NaN))
  if (!(value! <= MOST_MARK) || (text.includes('/') && !(mask! <= MOST_MARK))) throw unsupported(place, taken)
  return { kind: 'mark', not, value: value!, mask: mask ?? MOST_MARK }
}
const MOST_MARK = 0xffff_ffff

const unsupported = ({ field }: Place, words: readonly string[]): CniError =>
  new CniError('CNI_UNSUPPORTED_FIELD', `${field}: ${JSON.stringify(words.join(' '))} is not supported`, 'source, destination, incoming interface and mark can be matched')

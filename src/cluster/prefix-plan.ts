// Chooses the prefixes of a cluster: what the user gave must not collide with anything; what the user left
// open steps aside until nothing collides.

import { parseAddress } from '../net/ip/address.ts'
import { containsPrefix, formatPrefix, overlaps, parsePrefix, prefixOf, subPrefixAt, type Prefix } from '../net/ip/prefix.ts'
import { InputError, WeftError } from '../ops/errors.ts'

/** A prefix that is in use on the machine, and how: "the route 10.0.0.0/8 on eth0". */
export type TakenPrefix = Readonly<{ prefix: Prefix; by: string }>

export type ClusterPrefixes = Readonly<{ podCidr: Prefix; serviceCidr: Prefix; underlay: Prefix }>

const UNDERLAY_LENGTH = 24

/** Ranges for private use (RFC 1918, and RFC 6598 as the last resort), in the order in which we look. */
const UNDERLAY_RANGES = ['172.30.0.0/16', '172.29.0.0/16', '192.168.0.0/16', '10.200.0.0/16', '100.100.0.0/16']
/** flannel's and kubeadm's usual choices first. */
const POD_CIDRS = ['10.244.0.0/16', '10.245.0.0/16', '10.42.0.0/16', '172.20.0.0/16', '172.21.0.0/16', '100.64.0.0/16']
const SERVICE_CIDRS = ['10.96.0.0/16', '10.97.0.0/16', '10.43.0.0/16', '172.22.0.0/16', '172.23.0.0/16', '100.65.0.0/16']

/**
 * Answers three prefixes that overlap neither each other nor `taken`.
 *
 * Throws an InputError naming the flag when a given prefix collides, and a WeftError when no usual prefix is free.
 */
export function planPrefixes(
  wanted: Readonly<{ podCidr: Prefix | undefined; serviceCidr: Prefix | undefined }>,
  taken: readonly TakenPrefix[],
): ClusterPrefixes {
  const podCidr = wanted.podCidr === undefined ? undefined : checkFree(wanted.podCidr, '--pod-cidr', taken)
  const serviceCidr = wanted.serviceCidr === undefined ? undefined : checkFree(wanted.serviceCidr, '--service-cidr', taken)
  const used: TakenPrefix[] = [...taken]
  const claim = (prefix: Prefix, by: string): Prefix => {
    used.push({ prefix, by })
    return prefix
  }
  if (podCidr !== undefined) claim(podCidr, '--pod-cidr')
  const services = claim(serviceCidr ?? firstFree(SERVICE_CIDRS.map(parseOwn), used, '--service-cidr'), '--service-cidr')
  const pods = podCidr ?? claim(firstFree(POD_CIDRS.map(parseOwn), used, '--pod-cidr'), '--pod-cidr')
  return { podCidr: pods, serviceCidr: services, underlay: firstFree(underlayCandidates(), used, 'the underlay') }
}

/** The machine's routes as taken prefixes; default routes lead everywhere and take nothing. */
export const takenByRoutes = (routes: readonly Readonly<{ destination: Prefix; link: string }>[]): readonly TakenPrefix[] =>
  routes
    .filter(({ destination }) => destination.length > 0 && !HALVES.some(half => containsPrefix(destination, half)))
    .map(({ destination, link }) => ({ prefix: destination, by: `this machine's route ${formatPrefix(destination)} on ${link}` }))

const parseOwn = (text: string): Prefix => parsePrefix(text, 'prefix')

/** VPN clients replace the default route by its two halves. */
const HALVES = [prefixOf(parseAddress('0.0.0.0', 'half'), 1), prefixOf(parseAddress('128.0.0.0', 'half'), 1)]

function checkFree(prefix: Prefix, flag: string, taken: readonly TakenPrefix[]): Prefix {
  const other = taken.find(candidate => overlaps(candidate.prefix, prefix))
  if (other !== undefined) throw new InputError(flag, formatPrefix(prefix), `overlaps ${other.by}`)
  return prefix
}

function* underlayCandidates(): Iterable<Prefix> {
  for (const range of UNDERLAY_RANGES.map(parseOwn)) {
    const count = 2 ** (UNDERLAY_LENGTH - range.length)
    for (let index = 0; index < count; index++) yield subPrefixAt(range, UNDERLAY_LENGTH, BigInt(index))
  }
}

function firstFree(candidates: Iterable<Prefix>, taken: readonly TakenPrefix[], what: string): Prefix {
  for (const candidate of candidates) {
    if (!taken.some(({ prefix }) => overlaps(prefix, candidate))) return candidate
  }
  throw new WeftError('NO_FREE_PREFIX', `every usual prefix for ${what} overlaps a route of this machine: give free ones with --pod-cidr and --service-cidr`, { what })
}

// Probes the way to every peer with real packets, round after round: host to host, through the tunnel, and with as many bytes
// as pods may send. Keeps what they tell, logs what changes, and lets the network loop narrow the routes into black holes.

import type { EchoAnswer, EchoTarget } from '../../net/icmp/echo-socket.ts'
import type { Address, Family } from '../../net/ip/address.ts'
import { sameAddress } from '../../net/ip/address.ts'
import type { Clock } from '../../ops/clock.ts'
import { isAbort } from '../../ops/errors.ts'
import type { Logger } from '../../ops/log.ts'
import { largestPassing } from './path-mtu.ts'
import { addRound, describeFault, faultOf, pathMtuOf, type PathFault, type PeerPath, type ProbeAnswers } from './peer-path.ts'
import type { ProbeTarget } from './targets-plan.ts'

export type Echoes = Readonly<{ ask(targets: readonly EchoTarget[], call: Readonly<{ timeoutMs: number; signal: AbortSignal }>): Promise<readonly EchoAnswer[]> }>

export type MeshProberParts = Readonly<{
  /** Whom to probe now. */
  targets: () => readonly ProbeTarget[]
  echoes: (family: Family) => Echoes
  answersDatagrams: (address: Address, call: Readonly<{ timeoutMs: number; signal: AbortSignal }>) => Promise<boolean>
  /** Told when what `narrowedTo` answers has changed. */
  onPathMtu: () => void
  /** Told after every round whether the far ends of working tunnels answered datagrams. */
  onDatagrams: (answers: readonly boolean[]) => void
  intervalMs: number
  log: Logger
  clock: Clock
}>

/** Peers of one round; more are taken in turn, so that the cost of probing is bounded, and with it the noise on the network. */
const PEERS_PER_ROUND = 64
/** Searches of a path MTU in one round; each takes some eleven questions. */
const SEARCHES_PER_ROUND = 8
/** Far ends asked with a datagram in one round. */
const DATAGRAMS_PER_ROUND = 8
const ANSWER_MS = 1_000
const SEARCH_ANSWER_MS = 300
/** A plain ping: 56 bytes of payload. */
const SMALL_BYTES = 84
/** Changes named one by one in the log. */
const TOLD_PER_ROUND = 10

const keyOf = ({ owner, family }: Readonly<{ owner: string; family: Family }>): string => `${owner} ${family}`

export class MeshProber {
  readonly #parts: MeshProberParts
  #paths = new Map<string, PeerPath & Readonly<{ host: Address }>>()
  readonly #faults = new Map<string, PathFault>()
  #next = 0

  constructor(parts: MeshProberParts) {
    this.#parts = parts
  }

  get paths(): readonly PeerPath[] {
    return [...this.#paths.values()]
  }

  /** One sentence per fault, for health. */
  get faults(): readonly string[] {
    return this.paths.flatMap(path => {
      const fault = faultOf(path)
      return fault === undefined ? [] : [describeFault(path, fault)]
    })
  }

  /** The size beyond which packets to this peer vanish; undefined while none are known to. */
  narrowedTo(owner: string): number | undefined {
    const sizes = this.paths.flatMap(path => (path.owner === owner && faultOf(path) === 'black-hole' ? [pathMtuOf(path)!] : []))
    return sizes.length === 0 ? undefined : Math.min(...sizes)
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { clock, intervalMs, log } = this.#parts
    while (!signal.aborted) {
      try {
        await this.round({ signal })
      } catch (err) {
        if (isAbort(err, signal)) return
        log.warn({ err }, 'cannot probe the other hosts')
      }
      await clock.sleep(intervalMs, { signal }).catch(() => {})
    }
  }

  async round({ signal }: { signal: AbortSignal }): Promise<void> {
    const targets = this.#parts.targets()
    this.#forgetOthers(targets)
    const batch = this.#batchOf(targets)
    const before = JSON.stringify(batch.map(({ owner }) => this.narrowedTo(owner)))
    const rounds = (await Promise.all(([4, 6] as const).map(family => this.#probe(family, batch.filter(target => target.family === family), signal)))).flat()
    for (const [target, answers] of rounds) {
      const known = this.#paths.get(keyOf(target)) ?? { owner: target.owner, family: target.family, wantedBytes: target.wantedBytes, host: target.host, rounds: [] }
      this.#paths.set(keyOf(target), { ...addRound(known, answers), host: target.host })
    }
    this.#tell(rounds.map(([target]) => target))
    if (JSON.stringify(batch.map(({ owner }) => this.narrowedTo(owner))) !== before) this.#parts.onPathMtu()
    const working = rounds.filter(([{ tunnel }, answers]) => tunnel !== undefined && answers.tunnel !== undefined).slice(0, DATAGRAMS_PER_ROUND)
    this.#parts.onDatagrams(await Promise.all(working.map(([{ tunnel }]) => this.#parts.answersDatagrams(tunnel!, { timeoutMs: ANSWER_MS, signal }))))
  }

  /** A peer that moved, or may be sent another size, begins anew. */
  #forgetOthers(targets: readonly ProbeTarget[]): void {
    const wanted = new Map(targets.map(target => [keyOf(target), target]))
    for (const [key, path] of this.#paths) {
      const target = wanted.get(key)
      if (target !== undefined && target.wantedBytes === path.wantedBytes && sameAddress(target.host, path.host)) continue
      this.#paths.delete(key)
      this.#faults.delete(key)
    }
  }

  #batchOf(targets: readonly ProbeTarget[]): readonly ProbeTarget[] {
    if (targets.length <= PEERS_PER_ROUND) return targets
    const start = this.#next % targets.length
    this.#next = start + PEERS_PER_ROUND
    return [...targets, ...targets].slice(start, start + PEERS_PER_ROUND)
  }

  async #probe(family: Family, targets: readonly ProbeTarget[], signal: AbortSignal): Promise<readonly (readonly [ProbeTarget, ProbeAnswers])[]> {
    if (targets.length === 0) return []
    const echoes = this.#parts.echoes(family)
    const small = (address: Address): EchoTarget => ({ address, packetBytes: SMALL_BYTES })
    const tunnels = targets.flatMap(({ tunnel }) => tunnel ?? [])
    const answers = await echoes.ask([...targets.map(({ host }) => small(host)), ...tunnels.map(small)], { timeoutMs: ANSWER_MS, signal })
    const throughTunnels = answers.slice(targets.length)
    const ways = targets.map((target, index) => ({ target, host: answers[index], ...(target.tunnel !== undefined && { tunnel: throughTunnels[tunnels.indexOf(target.tunnel)] }) }))
    const open = ways.filter(way => ('tunnel' in way ? way.tunnel : way.host) !== undefined)
    const sizes = await this.#sizes(echoes, open.map(({ target }) => target), signal)
    return ways.map(({ target, ...way }) => [target, { ...way, pathMtu: sizes.get(target) }] as const)
  }

  /** The largest packet that passes, for each of these peers whose small ones do. */
  async #sizes(echoes: Echoes, targets: readonly ProbeTarget[], signal: AbortSignal): Promise<ReadonlyMap<ProbeTarget, number>> {
    const sizes = new Map<ProbeTarget, number>()
    const wayTo = ({ tunnel, host }: ProbeTarget): Address => tunnel ?? host
    let left = targets
    // Twice, since a single lost packet is no black hole.
    for (let attempt = 0; attempt < 2 && left.length > 0; attempt += 1) {
      const answers = await echoes.ask(left.map(target => ({ address: wayTo(target), packetBytes: target.wantedBytes })), { timeoutMs: ANSWER_MS, signal })
      left.forEach((target, index) => {
        if (answers[index] !== undefined) sizes.set(target, target.wantedBytes)
      })
      left = left.filter(target => !sizes.has(target))
    }
    for (const target of left.slice(0, SEARCHES_PER_ROUND)) {
      const passes = async (packetBytes: number): Promise<boolean> =>
        (await echoes.ask([{ address: wayTo(target), packetBytes }], { timeoutMs: SEARCH_ANSWER_MS, signal }))[0] !== undefined
      const known = pathMtuOf(this.#paths.get(keyOf(target)) ?? { owner: '', family: 4, wantedBytes: 0, rounds: [] })
      if (known !== undefined && known < target.wantedBytes && (await passes(known)) && !(await passes(known + 1))) sizes.set(target, known)
      else sizes.set(target, await largestPassing({ low: SMALL_BYTES, high: target.wantedBytes }, passes))
    }
    return sizes
  }

  #tell(targets: readonly ProbeTarget[]): void {
    const { log } = this.#parts
    let told = 0
    for (const target of targets) {
      const key = keyOf(target)
      const path = this.#paths.get(key)!
      const [before, now] = [this.#faults.get(key), faultOf(path)]
      if (before === now) continue
      if (now === undefined) this.#faults.delete(key)
      else this.#faults.set(key, now)
      told += 1
      if (told > TOLD_PER_ROUND) continue
      if (now === undefined) log.info({ peer: path.owner, family: path.family }, 'the way to a peer works again')
      else log.warn({ peer: path.owner, family: path.family, fault: now, reason: describeFault(path, now) }, 'the way to a peer is broken')
    }
    if (told > TOLD_PER_ROUND) log.warn({ count: told - TOLD_PER_ROUND }, 'more ways to peers changed')
  }
}

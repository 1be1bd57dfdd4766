// The CNI plugin beside the upstream ones (scenario 24): what a container runtime waits for, from executing the plugin to its exit. A shell
// inside the host's namespace is the runtime, so that neither side pays for anything but its own process.

import { dirname, join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { CniLab, SHIM, WEFT_CONFIG } from '../../kernel/cni/cni-lab.ts'
import type { LabNetns } from '../../lab/lab-netns.ts'
import { findPeer, missingPeer } from '../../peers/cache.ts'
import { alternate } from '../alternate.ts'
import type { Figure, Skip } from '../figure.ts'
import type { BenchContext } from '../subject.ts'

const PEERS = [{ name: 'cni-1.9.1/bridge', says: 'bridge and host-local 1.9.1' }, { name: 'cni-1.1.1/bridge', says: 'bridge and host-local 1.1.1 (Debian)' }] as const

/** Reads "VERB ID NETNS" lines, executes the plugin for each and prints exit code and microseconds. */
const RUNTIME = `
while read -r verb id netns; do
  export CNI_COMMAND=$verb CNI_CONTAINERID=$id CNI_NETNS=$netns CNI_IFNAME=eth0
  s=$EPOCHREALTIME; "$PLUGIN" < "$CONF" > /dev/null; rc=$?; e=$EPOCHREALTIME
  echo $rc $(( \${e/./} - \${s/./} ))
done`

/** Starts one plugin per line at once and prints the failures and the microseconds until the last has ended. */
const ALL_AT_ONCE = `
failed=$(mktemp)
s=$EPOCHREALTIME
while read -r verb id netns; do
  ( CNI_COMMAND=$verb CNI_CONTAINERID=$id CNI_NETNS=$netns CNI_IFNAME=eth0 "$PLUGIN" < "$CONF" > /dev/null || echo $id >> $failed ) &
done
wait
e=$EPOCHREALTIME
echo $(wc -l < $failed) $(( \${e/./} - \${s/./} )); rm -f $failed`

class Contender implements AsyncDisposable {
  readonly lab: CniLab
  readonly pods: readonly LabNetns[]
  readonly #env: NodeJS.ProcessEnv

  private constructor(lab: CniLab, pods: readonly LabNetns[], env: NodeJS.ProcessEnv) {
    this.lab = lab
    this.pods = pods
    this.#env = env
  }

  /** `plugin` undefined: ours. `more` goes into the configuration of either. */
  static async open(options: Readonly<{ plugin: string | undefined; pods: number; more?: Readonly<Record<string, unknown>> }>): Promise<Contender> {
    const ours = options.plugin === undefined
    const lab = await CniLab.open(ours ? { lease: { subnets: ['10.88.0.0/22'], mtu: 1500, clusterCidrs: [] } } : { agent: false })
    const pods: LabNetns[] = []
    for (let index = 0; index < options.pods; index += 1) pods.push(await lab.addPod())
    const config = ours ? WEFT_CONFIG : {
      cniVersion: '1.0.0', name: 'weft', type: 'bridge', bridge: 'cni0', isDefaultGateway: true, hairpinMode: true, mtu: 1500,
      ipam: { type: 'host-local', dataDir: lab.dataDir, ranges: [[{ subnet: '10.88.0.0/22' }]] },
    }
    const conf = join(lab.folder, 'request.json')
    writeFileSync(conf, JSON.stringify({ ...config, ...options.more }))
    const plugin = options.plugin ?? SHIM
    return new Contender(lab, pods, { CNI_PATH: dirname(plugin), PLUGIN: plugin, CONF: conf, WEFT_CNI_SOCKET: lab.socketPath, WEFT_CNI_QUEUE: join(lab.folder, 'queue') })
  }

  async run(script: string, requests: readonly (readonly [verb: string, pod: number])[]): Promise<readonly (readonly [number, number])[]> {
    const input = requests.map(([verb, pod]) => `${verb} pod${pod} ${this.pods[pod]!.netns}\n`).join('')
    const { stdout } = await this.lab.host.exec(['bash', '-c', script], { input, env: this.#env, timeoutMs: 120_000 })
    return stdout.trim().split('\n').map(line => line.split(' ').map(Number) as [number, number])
  }

  /** Milliseconds of one call. */
  async once(verb: string, pod: number): Promise<number> {
    const [[code, microseconds] = [1, 0]] = await this.run(RUNTIME, [[verb, pod]])
    if (code !== 0) throw new Error(`${verb} of pod ${pod} failed`)
    return microseconds / 1000
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]()
  }
}

export async function measure({ quick, say }: BenchContext): Promise<Readonly<{ figures: readonly Figure[]; series: readonly []; skips: readonly Skip[] }>> {
  const figures: Figure[] = []
  const skips: Skip[] = []
  for (const { name, says } of PEERS) {
    const plugin = findPeer(name)
    if (plugin === undefined) {
      skips.push({ key: `add beside ${says}`, reason: missingPeer(name) })
      continue
    }
    const suffix = name === PEERS[0].name ? '' : '/debian'
    for (const [key, more] of [['', {}], ['/ip-masq', { ipMasq: true }]] as const) {
      if (suffix !== '' && key !== '') continue
      say(`ADD and DEL one after the other beside ${says}${key}`)
      figures.push(...(await oneAfterTheOther({ plugin, says, more, keySuffix: `${key}${suffix}`, rounds: quick ? 20 : 100 })))
    }
  }
  say('250 pods on one host')
  figures.push(await manyPods(quick ? 60 : 250))
  say('all at once')
  figures.push(await allAtOnce({ count: quick ? 50 : 200, rounds: quick ? 1 : 3 }))
  return { figures, series: [], skips }
}

const DEL_NOTE = 'Weft answers when the pod is cut off and its deletion is on record; the kernel\'s removal of the link (15 to 30 ms) and the release of the address follow'

async function oneAfterTheOther(options: Readonly<{ plugin: string; says: string; more: Readonly<Record<string, unknown>>; keySuffix: string; rounds: number }>): Promise<readonly Figure[]> {
  await using ours = await Contender.open({ plugin: undefined, pods: 1, more: options.more })
  await using theirs = await Contender.open({ plugin: options.plugin, pods: 1, more: options.more })
  const dels: [number[], number[]] = [[], []]
  const contestant = (side: Contender, into: number[], name: string): { name: string; once: (round: number) => Promise<number> } => ({
    name,
    once: async round => {
      const milliseconds = await side.once('ADD', 0)
      const del = await side.once('DEL', 0)
      if (round >= 0) into.push(del)
      if (side === ours) await ours.lab.settled(0)
      return milliseconds
    },
  })
  const [weft, peer] = await alternate([contestant(ours, dels[0], 'weft'), contestant(theirs, dels[1], options.says)], { rounds: options.rounds, warmup: 5 })
  const masq = options.more['ipMasq'] === true ? ' with ipMasq' : ''
  return [
    { key: `add${options.keySuffix}`, what: `one ADD${masq}, from executing the plugin to its exit`, unit: 'ms', weft: weft!, peerName: options.says, peer: peer! },
    { key: `del${options.keySuffix}`, what: `one DEL${masq}, from executing the plugin to its exit`, unit: 'ms', weft: dels[0], peerName: options.says, peer: dels[1], note: DEL_NOTE },
  ]
}

async function manyPods(count: number): Promise<Figure> {
  await using ours = await Contender.open({ plugin: undefined, pods: count + 5 })
  for (let pod = count; pod < count + 5; pod += 1) await ours.once('ADD', pod) // the first call of a process loads code
  const times: number[] = []
  for (let pod = 0; pod < count; pod += 1) times.push(await ours.once('ADD', pod))
  const part = Math.min(50, Math.floor(count / 2))
  return { key: 'add/250th', what: `ADD of the last ${part} of ${count} pods on one host`, unit: 'ms', weft: times.slice(-part), peerName: `the first ${part} pods`, peer: times.slice(0, part) }
}

async function allAtOnce({ count, rounds }: Readonly<{ count: number; rounds: number }>): Promise<Figure> {
  const plugin = findPeer(PEERS[0].name)
  await using ours = await Contender.open({ plugin: undefined, pods: count })
  await using theirs = plugin === undefined ? undefined : await Contender.open({ plugin, pods: count })
  const requests = (verb: string): readonly (readonly [string, number])[] => Array.from({ length: count }, (_, pod) => [verb, pod] as const)
  const contestant = (name: string, side: Contender): { name: string; once: () => Promise<number> } => ({
    name,
    once: async () => {
      const [[failed, microseconds] = [count, 0]] = await side.run(ALL_AT_ONCE, requests('ADD'))
      if (failed !== 0) throw new Error(`${failed} of ${count} concurrent ADDs of ${name} failed`)
      await side.run(ALL_AT_ONCE, requests('DEL'))
      if (side === ours) await ours.lab.settled(0)
      return microseconds / 1000
    },
  })
  const [weft, peer] = await alternate([contestant('weft', ours), ...(theirs === undefined ? [] : [contestant(PEERS[0].says, theirs)])], { rounds, warmup: 0 })
  return { key: `concurrent-add/${count}`, what: `${count} ADDs started at once, until the last has ended`, unit: 'ms', weft: weft!, ...(peer === undefined ? {} : { peerName: PEERS[0].says, peer }) }
}

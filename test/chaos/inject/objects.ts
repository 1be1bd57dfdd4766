// Faults of the kernel's objects: somebody else takes them away.

import type { Fault } from '../plan/fault.ts'
import type { Hit, World } from '../world/world.ts'

/** Protocol number of the agent's routes (docs/pod-network.md). */
const AGENT_ROUTES = '119'

type Take = Readonly<{ list?: readonly string[]; remove: (line: string) => readonly string[] }>

const TAKES: Readonly<Record<Extract<Fault, { kind: 'delete' }>['what'], Take>> = {
  route: { list: ['ip', '-o', 'route', 'show', 'proto', AGENT_ROUTES], remove: line => ['ip', 'route', 'del', line.split(' ')[0]!, 'proto', AGENT_ROUTES] },
  neighbour: { list: ['ip', '-o', 'neigh', 'show', 'dev', 'flannel.1', 'nud', 'permanent'], remove: line => ['ip', 'neigh', 'del', line.split(' ')[0]!, 'dev', 'flannel.1'] },
  fdb: { list: ['bridge', 'fdb', 'show', 'dev', 'flannel.1'], remove: line => ['bridge', 'fdb', 'del', line.split(' ')[0]!, 'dev', 'flannel.1'] },
  tunnel: { remove: () => ['ip', 'link', 'del', 'flannel.1'] },
  'tunnel-address': { remove: () => ['ip', 'address', 'flush', 'dev', 'flannel.1'] },
  'tunnel-up': { remove: () => ['ip', 'link', 'set', 'flannel.1', 'down'] },
  bridge: { remove: () => ['ip', 'link', 'del', 'cni0'] },
  'bridge-address': { remove: () => ['ip', 'address', 'flush', 'dev', 'cni0'] },
  'bridge-port': { list: ['ip', '-o', 'link', 'show', 'master', 'cni0'], remove: line => ['ip', 'link', 'set', /^\d+: ([^@:]+)/.exec(line)![1]!, 'nomaster'] },
}

export async function deleteObject(world: World, { host, what, choice }: Extract<Fault, { kind: 'delete' }>): Promise<Hit> {
  const take = TAKES[what]
  const lines = take.list === undefined ? [''] : (await world.exec(host, take.list)).split('\n').filter(line => line !== '').sort()
  if (lines.length === 0) return `there is no ${what}`
  // Another fault may have taken it a moment ago.
  return world.tryExec(host, take.remove(lines[choice % lines.length]!))
}

export async function flushRules(world: World, { host, what }: Extract<Fault, { kind: 'flush' }>): Promise<Hit> {
  if (what === 'everything') return world.tryExec(host, ['nft', 'flush', 'ruleset'])
  const flushed = await world.tryExec(host, ['iptables', '-w', '10', '-t', what, '-F'])
  if (what !== 'nat') return flushed
  const deleted = await world.tryExec(host, ['nft', 'delete', 'table', 'ip', 'weft'])
  return deleted === true ? true : flushed
}

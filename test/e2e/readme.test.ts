// The commands that the README offers are run as they stand, but for the cluster's name and the address of a host.

import test from 'ava'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../lab/eventually.ts'
import { LocalCluster, run, type Finished } from '../lab/local-cluster.ts'

const README = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8')

/** The commands of the section's console block, without prompts and remarks. */
function commandsOf(section: string): readonly string[] {
  const block = /```console\n([^]*?)```/.exec(README.slice(README.indexOf(`## ${section}\n`)))![1]!
  return block.split('\n').filter(line => line.startsWith('# ')).map(line => line.slice(2).replace(/ +# .*$/, ''))
}

test.serial('every command under "What to try next" works', async t => {
  await using cluster = await LocalCluster.up()
  const forThisCluster = (command: string): string => command
    .replaceAll('weft.local.', `weft.${cluster.name}.`)
    .replaceAll('/clusters/local/', `/clusters/${cluster.name}/`)
    .replaceAll(/\.\/weft (status|down)/g, `./weft $1 --name ${cluster.name}`)
    .replaceAll('172.30.0.12', cluster.address(2))
    // What follows for ever is looked at by people.
    .replace(/ && kubectl get .* -w$/, '')
  const commands = commandsOf('What to try next')
  t.true(commands.length > 8)
  const sh = (command: string): Promise<Finished> => run('sh', ['-c', command], { env: { KUBECONFIG: cluster.kubeconfig }, timeoutMs: 30_000 })
  for (const command of commands.filter(one => !one.startsWith('export ') && !one.includes('--name second')).map(forThisCluster)) {
    // A Service just applied takes a moment to reach the hosts, and so does a daemon that was just killed.
    const { stdout } = await eventually(async () => {
      const finished = await sh(command)
      return finished.code === 0 ? finished : `${command}: ${finished.stderr || finished.stdout}`
    })
    if (command.startsWith('curl')) t.regex(stdout, /^pod=web-\d host=host-\d client=/)
    if (command.includes('link del flannel.1')) await eventually(async () => (await sh(`ip netns exec weft.${cluster.name}.host-2 ip link show flannel.1`)).code === 0, { timeoutMs: 3_000 })
  }
})

test('the output that the README shows has the form of real output', t => {
  const block = /```console\n([^]*?)```/.exec(README)![1]!
  for (const line of [/^weft up: cluster local, 3 hosts, vxlan, iptables$/m, /✓ pod to pod: echo-1 asked [\d.]+, echo-2 on host-2 answered and saw [\d.:]+ +[\d.]+ s$/m, /^HOST +ADDRESS +POD SUBNET +READY +DAEMONS$/m]) t.regex(block, line)
})

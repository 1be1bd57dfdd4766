// Unmodified kubectl, old and new, against the server: protobuf bodies, validation on either side, both ways to apply, explain.
// The installed kubectl always; 1.20 and 1.36 where the peers are (docs/peers.md).

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { kubectlMinor } from '../../lab/kubectl-version.ts'
import { findPeer } from '../../peers/cache.ts'

type Run = (...args: readonly string[]) => Promise<{ code: number; output: string }>

let lab: ApiServerLab
test.before(async () => { lab = await ApiServerLab.open() })
test.after.always(async () => { await lab[Symbol.asyncDispose]() })

const MANIFEST = {
  apiVersion: 'v1', kind: 'List', items: [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ name: 'tcp', port: 53, protocol: 'TCP' }, { name: 'udp', port: 53, protocol: 'UDP' }] } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { a: '1' } },
  ],
}
const TYPO = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'typo' }, spec: { portz: 1, ports: [{ port: 80 }] } }

async function story(t: ExecutionContext, kubectl: Run, directory: string, { minor }: { minor: number }): Promise<void> {
  const file = (name: string, value: unknown): string => {
    writeFileSync(join(directory, name), JSON.stringify(value))
    return join(directory, name)
  }
  const works = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await kubectl(...args)
    t.is(code, 0, `${args.join(' ')}: ${output}`)
    return output
  }
  // Sub-commands of create send protobuf from 1.32 on (10, 14, 17).
  await works('create', 'deployment', 'web', '--image=nginx', '--replicas=2')
  await works('create', 'service', 'clusterip', 'plain', '--tcp=80:8080')
  await works('create', 'secret', 'generic', 'secret', '--from-literal=a=b')
  await works('create', 'role', 'reader', '--verb=get', '--resource=pods')
  t.is(await works('get', 'deployment', 'web', '-o', 'jsonpath={.spec.strategy.rollingUpdate.maxSurge} {.metadata.generation} {.metadata.labels.app}'), '25% 1 web')
  t.regex(await works('get', 'deployments'), /NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +0 +0 /)

  // A typing error is found by the client up to 1.26 and by the server from 1.27 on (9).
  const refused = await kubectl('apply', '-f', file('typo.json', TYPO))
  t.not(refused.code, 0)
  t.regex(refused.output, minor < 27 ? /unknown field "portz" in io\.k8s\.api\.core\.v1\.ServiceSpec/ : /strict decoding error: unknown field "spec\.portz"/)

  const manifest = file('manifest.json', MANIFEST)
  t.regex(await works('apply', '-f', manifest), /service\/web created[^]*configmap\/settings created/)
  t.regex(await works('apply', '-f', manifest), /service\/web unchanged[^]*configmap\/settings unchanged/)
  t.regex(await works('apply', '--server-side', '-f', manifest), /service\/web serverside-applied/)
  // kubectl up to 1.25 leaves client-side ownership beside the new one, so that it conflicts twice.
  const conflict = await kubectl('apply', '--server-side', '--field-manager=other', '-f', file('other.json', { ...MANIFEST.items[1], data: { a: '2' } }))
  t.regex(conflict.output, /Apply failed with \d conflicts?: conflicts? with "kubectl"[^]*\.data\.a/)

  await works('patch', 'service', 'web', '-p', '{"spec":{"type":"NodePort"}}')
  t.regex(await works('get', 'service', 'web'), /53:3\d{4}\/TCP,53:3\d{4}\/UDP/)
  await works('scale', 'deployment/web', '--replicas=3')
  await works('label', 'service', 'web', 'a=b')
  await works('set', 'image', 'deployment/web', 'nginx=nginx:2')
  t.regex(await works('explain', 'service.spec.clusterIPs'), /clusterIPs\s+<\[\]string>[^]*list of IP addresses/)
  t.regex(await works('api-resources'), /\nservices +svc +v1 +true +Service/)
  await works('delete', 'deployment,service,configmap', '--all')
}

for (const [index, { name, program }] of [
  { name: 'the installed kubectl', program: 'kubectl' },
  { name: 'kubectl 1.20', program: findPeer('kubectl-1.20') },
  { name: 'kubectl 1.36', program: findPeer('kubectl-1.36') },
].entries()) {
  const maybe = program === undefined ? test.skip : test
  maybe(`${name} creates, validates, applies either way, patches, explains and deletes (scenarios 9, 10, 14, 15, 27 to 29, 6)`, async t => {
    t.timeout(120_000)
    const directory = mkdtempSync(join(tmpdir(), 'weft-kubectl-'))
    const minor = kubectlMinor(program)
    const namespace = `story-${index}`
    // Every version has a cache of its own: discovery is kept in forms that others cannot read.
    const run: Run = async (...args) => {
      try {
        const { stdout, stderr } = await promisify(execFile)(program!, ['--kubeconfig', lab.kubeconfig, '--cache-dir', join(directory, 'cache'), '--namespace', namespace, ...args])
        return { code: 0, output: stdout + stderr }
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
        return { code, output: stdout + stderr }
      }
    }
    try {
      t.is((await run('create', 'namespace', namespace)).code, 0)
      await story(t, run, directory, { minor })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
}

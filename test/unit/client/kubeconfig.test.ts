import test, { type ExecutionContext } from 'ava'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CredentialError } from '../../../src/client/errors.ts'
import { inClusterConfig } from '../../../src/client/kubeconfig/in-cluster.ts'
import { loadKubeconfig } from '../../../src/client/kubeconfig/load.ts'
import { InputError } from '../../../src/ops/errors.ts'
import { systemClock, type Clock } from '../../../src/ops/clock.ts'

const signal = new AbortController().signal
const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'weft-kubeconfig-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

const config = (user: string, cluster = 'certificate-authority-data: ' + base64('CA')): string => `
apiVersion: v1
kind: Config
current-context: main
contexts:
- {name: main, context: {cluster: c, user: u, namespace: shop}}
- {name: bare, context: {cluster: c}}
clusters:
- name: c
  cluster:
    server: https://[fd00::1]:6443/prefix/
    ${cluster}
users:
- name: u
  user: ${user}
`

async function load(t: ExecutionContext, text: string, options: { context?: string; master?: string; clock?: Clock } = {}) {
  const directory = await folder(t)
  await writeFile(join(directory, 'config'), text)
  return { directory, config: await loadKubeconfig({ path: join(directory, 'config'), env: {}, ...options }) }
}

test('a context gives server, namespace, trust and credentials', async t => {
  const { config: loaded } = await load(t, config('{token: abc}', 'tls-server-name: kubernetes'))
  t.is(loaded.server.href, 'https://[fd00::1]:6443/prefix')
  t.is(loaded.namespace, 'shop')
  t.is(loaded.trust.serverName, 'kubernetes')
  t.false(loaded.trust.insecureSkipVerify)
  t.deepEqual(await loaded.credentials.present({ signal }), { authorization: 'Bearer abc' })
})

test('a context without a user presents nothing; --master replaces the server', async t => {
  const { config: loaded } = await load(t, config('{token: abc}'), { context: 'bare', master: 'https://10.0.0.9:7443' })
  t.is(loaded.server.href, 'https://10.0.0.9:7443/')
  t.is(loaded.namespace, 'default')
  t.deepEqual(await loaded.credentials.present({ signal }), {})
})

test('certificates come inline or from files relative to the kubeconfig, and files are read anew each time', async t => {
  const { directory, config: loaded } = await load(t, config('{client-certificate: pki/c.pem, client-key-data: ' + base64('KEY') + '}', 'certificate-authority: pki/ca.pem'))
  t.deepEqual(loaded.trust.ca, { file: join(directory, 'pki/ca.pem') })
  await t.throwsAsync(loaded.credentials.present({ signal }), { instanceOf: CredentialError, message: /pki\/c\.pem/ })
  await mkdir(join(directory, 'pki'))
  for (const cert of ['ONE', 'TWO']) {
    await writeFile(join(directory, 'pki/c.pem'), cert)
    t.deepEqual(await loaded.credentials.present({ signal }), { clientCertificate: { cert, key: 'KEY' } })
  }
})

test('a token file wins over a token, is read again after a minute and after a refusal', async t => {
  let now = 0
  const clock: Clock = { ...systemClock, monotonicMs: () => now }
  const { directory, config: loaded } = await load(t, config('{token: inline, tokenFile: token}'), { clock })
  const write = (text: string) => writeFile(join(directory, 'token'), text)
  const token = async () => (await loaded.credentials.present({ signal })).authorization
  await write('one\n')
  t.is(await token(), 'Bearer one')
  await write('two\n')
  t.is(await token(), 'Bearer one')
  now += 61_000
  t.is(await token(), 'Bearer two')
  await write('three')
  loaded.credentials.invalidate()
  t.is(await token(), 'Bearer three')
  await write('')
  loaded.credentials.invalidate()
  await t.throwsAsync(token(), { instanceOf: CredentialError, message: /empty/ })
})

test('an exec plugin is run once per lifetime of its credential, and again after a refusal', async t => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const clock: Clock = { ...systemClock, now: () => now }
  const { directory, config: loaded } = await load(t, config('{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./helper, args: [hello], env: [{name: WHO, value: me}], provideClusterInfo: true}}'), { clock })
  const helper = join(directory, 'helper')
  await writeFile(helper, `#!/bin/sh
echo run >> ${directory}/runs
echo "$KUBERNETES_EXEC_INFO" > ${directory}/info
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$1-$WHO-$(wc -l < ${directory}/runs)'","expirationTimestamp":"2026-01-01T01:00:00Z"}}'
`)
  await chmod(helper, 0o755)
  const token = async () => (await loaded.credentials.present({ signal })).authorization
  t.deepEqual(await Promise.all([token(), token(), token()]), Array(3).fill('Bearer hello-me-1'))
  const info = JSON.parse(await (await import('node:fs/promises')).readFile(join(directory, 'info'), 'utf8')) as { spec: { cluster: { server: string } } }
  t.is(info.spec.cluster.server, 'https://[fd00::1]:6443/prefix/')
  now += 59 * 60_000
  t.is(await token(), 'Bearer hello-me-1')
  now += 55_000
  t.is(await token(), 'Bearer hello-me-2')
})

test('an exec plugin that is missing, fails or talks nonsense is named with what it said', async t => {
  const { directory, config: loaded } = await load(t, config('{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./helper, installHint: Install it.}}'))
  await t.throwsAsync(loaded.credentials.present({ signal }), { instanceOf: CredentialError, message: /helper.*Install it\./ })
  const say = async (script: string): Promise<void> => {
    await writeFile(join(directory, 'helper'), `#!/bin/sh\n${script}\n`)
    await chmod(join(directory, 'helper'), 0o755)
  }
  for (const [script, message] of [
    ['echo no login >&2; exit 3', /no login/],
    ['echo nonsense', /not JSON/],
    [`echo '{"kind":"Other"}'`, /no ExecCredential/],
    [`echo '{"kind":"ExecCredential","status":{}}'`, /neither a token nor/],
    [`echo '{"kind":"ExecCredential","status":{"clientCertificateData":"x"}}'`, /without its key/],
  ] as const) {
    await say(script)
    await t.throwsAsync(loaded.credentials.present({ signal }), { instanceOf: CredentialError, message })
  }
})

test('KUBECONFIG merges several files: the first to name something wins, absent files are skipped', async t => {
  const directory = await folder(t)
  const file = (name: string) => join(directory, name)
  await writeFile(file('a'), config('{token: first}'))
  await writeFile(file('b'), config('{token: second}').replace('current-context: main', 'current-context: other') + '- {name: v, user: {token: third}}\n')
  const loaded = await loadKubeconfig({ env: { KUBECONFIG: [file('absent'), file('a'), file('b')].join(':') } })
  t.deepEqual(await loaded.credentials.present({ signal }), { authorization: 'Bearer first' })
})

test('impersonation becomes headers beside the credential', async t => {
  const { config: loaded } = await load(t, config('{token: abc, as: jane, as-groups: [dev, ops], as-uid: "7"}'))
  t.deepEqual(await loaded.credentials.present({ signal }), {
    authorization: 'Bearer abc',
    headers: { 'impersonate-user': 'jane', 'impersonate-group': ['dev', 'ops'], 'impersonate-uid': '7' },
  })
})

test('mistakes name the field and the value', async t => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [config('{}').replace('current-context: main', 'current-context: nope'), /current-context: "nope".*main, bare/],
    [config('{}').replace('cluster: c, user: u', 'cluster: gone, user: u'), /cluster: "gone"/],
    [config('{client-certificate: a.pem}'), /client-key.*missing for user u/],
    [config('{exec: {apiVersion: v0, command: x}}'), /exec\.apiVersion: "v0"/],
    [config('{auth-provider: {name: gcp}}'), /auth-provider: "gcp".*exec plugin/],
    [config('{}', 'proxy-url: http://p'), /proxy-url/],
    [config('{}').replace('https://[fd00::1]:6443/prefix/', 'ftp://x'), /server: "ftp:\/\/x"/],
    ['- a list', /not a mapping/],
    ['a: [', /kubeconfig/],
  ]
  for (const [text, message] of cases) await t.throwsAsync(load(t, text), { instanceOf: InputError, message }, text)
  await t.throwsAsync(loadKubeconfig({ path: '/nonexistent/kubeconfig', env: {} }), { instanceOf: CredentialError, message: /\/nonexistent\/kubeconfig/ })
  await t.throwsAsync(loadKubeconfig({ env: { HOME: '/nonexistent' } }), { instanceOf: CredentialError, message: /--kubeconfig/ })
})

test('in a pod the service account is used', async t => {
  const directory = await folder(t)
  await writeFile(join(directory, 'token'), 'sa-token')
  await writeFile(join(directory, 'namespace'), 'kube-system')
  const loaded = await inClusterConfig({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, systemClock, directory)
  t.is(loaded.server.host, '[fd00::1]')
  t.is(loaded.namespace, 'kube-system')
  t.deepEqual(await loaded.credentials.present({ signal }), { authorization: 'Bearer sa-token' })
  await t.throwsAsync(inClusterConfig({ KUBERNETES_SERVICE_HOST: 'h', KUBERNETES_SERVICE_PORT: '0' }, systemClock, directory), { instanceOf: InputError })
})

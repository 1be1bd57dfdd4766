// A machine joins with nothing but a token: against Weft's API server and controllers, and against the real ones.

import test, { type ExecutionContext } from 'ava'
import { parseBootstrapToken } from '../../../src/api/bootstrap-token/bootstrap-token.ts'
import { openApiClient, type ApiClient } from '../../../src/client/api-client.ts'
import { loadKubeconfig } from '../../../src/client/kubeconfig/load.ts'
import { CERTIFICATE_SIGNING_REQUESTS, NODES, SECRETS, SERVICES } from '../../../src/client/resources.ts'
import { isForbidden, isNotFound, isUnauthorized } from '../../../src/client/errors.ts'
import { clusterObjects, ensureClusterObjects } from '../../../src/host/cluster/cluster-objects.ts'
import { configFor, parsePins } from '../../../src/host/join/discovery.ts'
import { joinCluster } from '../../../src/host/join/join-cluster.ts'
import { renewCredentials } from '../../../src/host/join/renew.ts'
import { NODE_KUBECONFIG } from '../../../src/host/host-paths.ts'
import { HostFiles } from '../../../src/host/install/host-files.ts'
import { createToken, joiningToken, newBootstrapToken } from '../../../src/host/join/tokens.ts'
import { DEFAULT_CLUSTER } from '../../../src/host/settings.ts'
import { createSigningRequest } from '../../../src/ops/certificates/signing-request.ts'
import { publicKeyPin } from '../../../src/ops/certificates/authority.ts'
import { silentLog } from '../../../src/ops/log.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { ApiServerLab } from '../../lab/apiserver.ts'
import { ControllerManagerLab } from '../../lab/controller-manager.ts'
import { eventually } from '../../lab/eventually.ts'

const signal = new AbortController().signal

type Cluster = Readonly<{ lab: ApiServerLab; admin: ApiClient }>

async function withCluster(work: (cluster: Cluster) => Promise<void>): Promise<void> {
  await using lab = await ApiServerLab.open()
  writeFileSync(lab.path('ca.key'), lab.authority.privateKeyPem, { mode: 0o600 })
  await using _manager = await ControllerManagerLab.start(lab, [`--cluster-signing-cert-file=${lab.path('ca.crt')}`, `--cluster-signing-key-file=${lab.path('ca.key')}`])
  await using admin = openApiClient({ config: await loadKubeconfig({ path: lab.kubeconfig }), userAgent: 'test', log: silentLog() })
  await ensureClusterObjects(admin, clusterObjects({ settings: DEFAULT_CLUSTER, apiServer: lab.url, authorityPem: lab.authority.certificatePem }), { signal })
  await work({ lab, admin })
}

const tokenFor = async (admin: ApiClient, expiresAtMs?: number) => {
  const token = newBootstrapToken()
  await createToken(admin, joiningToken(token, expiresAtMs, 'test'), { signal })
  return token
}

const joinAs = ({ lab }: Cluster, token: ReturnType<typeof newBootstrapToken>, nodeName: string, pins = [publicKeyPin(lab.authority.certificatePem)]) =>
  joinCluster({ server: new URL(lab.url), token, pins, nodeName, signal })

async function clientOf(lab: ApiServerLab, kubeconfig: string): Promise<ApiClient> {
  writeFileSync(lab.path('joined.kubeconfig'), kubeconfig, { mode: 0o600 })
  return openApiClient({ config: await loadKubeconfig({ path: lab.path('joined.kubeconfig') }), userAgent: 'test', log: silentLog() })
}

const refusedBy = async (t: ExecutionContext, work: Promise<unknown>, is: (error: unknown) => boolean): Promise<void> => {
  const error = await t.throwsAsync(work)
  t.true(is(error), String(error))
}

test('a token and the authority\'s hash turn a machine into a node that may do what a node may', async t => {
  await withCluster(async cluster => {
    const { kubeconfig, settings } = await joinAs(cluster, await tokenFor(cluster.admin), 'worker-1')
    t.deepEqual(settings, DEFAULT_CLUSTER)
    await using node = await clientOf(cluster.lab, kubeconfig)
    await node.create(NODES, { metadata: { name: 'worker-1' } }, { signal })
    await refusedBy(t, node.create(NODES, { metadata: { name: 'worker-2' } }, { signal }), isForbidden)
    // Agent and proxy of the host run with the same credentials.
    t.true((await node.list(SERVICES, { signal })).items.length > 0)
    await refusedBy(t, node.list(SECRETS, { signal }), isForbidden)
    // A second certificate for itself is approved by being who it is: that is how it is renewed.
    const root = cluster.lab.path('worker')
    const files = new HostFiles(root)
    mkdirSync(files.at('/etc/weft/kubeconfigs'), { recursive: true })
    writeFileSync(files.at(NODE_KUBECONFIG), kubeconfig, { mode: 0o600 })
    const options = { files, settings: { ...settings, role: 'worker', nodeName: 'worker-1', nodeIp: '192.0.2.2', apiServer: cluster.lab.url, runtime: 'processes' }, nowMs: Date.now(), signal } as const
    t.deepEqual(await renewCredentials({ ...options, force: false }), [])
    t.true((await renewCredentials({ ...options, nowMs: Date.now() + 300 * 86_400_000, force: false })).includes('weft-agent'))
    const renewed = await files.read(NODE_KUBECONFIG)
    t.not(renewed, kubeconfig)
    await using again = await clientOf(cluster.lab, renewed!)
    t.is((await again.get(NODES, { name: 'worker-1' }, { signal })).metadata.name, 'worker-1')
  })
})

test('a cluster with another authority, a wrong token and a token without a signature are not trusted', async t => {
  await withCluster(async cluster => {
    const token = await tokenFor(cluster.admin)
    await joinAs(cluster, token, 'good')
    const other = parsePins([`sha256:${'0'.repeat(64)}`])
    t.regex((await t.throwsAsync(joinAs(cluster, token, 'w', [...other])))!.message, /none of --discovery-token-ca-cert-hash/)
    const wrong = parseBootstrapToken(`${token.id}.${'x'.repeat(16)}`, 'token')
    t.regex((await t.throwsAsync(joinAs(cluster, wrong, 'w')))!.message, /not signed with token/)
  })
})

test('a token that expires stops working, and its Secret and signature go', async t => {
  await withCluster(async ({ lab, admin }) => {
    const token = await tokenFor(admin, Date.now() + 4_000)
    await using bearer = openApiClient({ config: configFor(new URL(lab.url), { pem: lab.authority.certificatePem }, `Bearer ${token.id}.${token.secret}`), userAgent: 'test', log: silentLog() })
    await bearer.list(CERTIFICATE_SIGNING_REQUESTS, { signal })
    await eventually(async () => admin.get(SECRETS, { namespace: 'kube-system', name: `bootstrap-token-${token.id}` }, { signal }).then(() => false, isNotFound), { timeoutMs: 30_000 })
    await refusedBy(t, bearer.list(CERTIFICATE_SIGNING_REQUESTS, { signal }), isUnauthorized)
    const data = JSON.parse(await lab.kubectl('-n', 'kube-public', 'get', 'configmap', 'cluster-info', '-o', 'jsonpath={.data}')) as Record<string, string>
    await eventually(async () => !(await lab.kubectl('-n', 'kube-public', 'get', 'configmap', 'cluster-info', '-o', 'jsonpath={.data}')).includes(token.id), { timeoutMs: 20_000 })
    t.true(data['kubeconfig'] !== undefined)
  })
})

test('nobody but the server says who asks for a certificate, and who may ask may not decide', async t => {
  await withCluster(async ({ lab, admin }) => {
    const token = await tokenFor(admin)
    await using joining = openApiClient({ config: configFor(new URL(lab.url), { pem: lab.authority.certificatePem }, `Bearer ${token.id}.${token.secret}`), userAgent: 'test', log: silentLog() })
    const request = async (commonName: string, organizations: readonly string[]) => Buffer.from((await createSigningRequest({ commonName, organizations })).requestPem).toString('base64')
    const made = await joining.create(CERTIFICATE_SIGNING_REQUESTS, {
      metadata: { name: 'liar' }, status: { conditions: [{ type: 'Approved', status: 'True' }] },
      spec: { request: await request('admin', ['system:masters']), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], username: 'kubernetes-admin', groups: ['system:masters'] },
    }, { signal })
    t.is(made.spec.username, `system:bootstrap:${token.id}`)
    t.false((made.spec.groups ?? []).includes('system:masters'))
    t.deepEqual(made.status ?? {}, {})
    await refusedBy(t, joining.update(CERTIFICATE_SIGNING_REQUESTS, { ...made, status: { conditions: [{ type: 'Approved', status: 'True' }] } }, { signal, subresource: 'approval' }), isForbidden)
    // Even a person's approval does not make an all-powerful user.
    await lab.kubectl('certificate', 'approve', 'liar')
    await eventually(async () => (await lab.kubectl('get', 'csr', 'liar')).includes('Approved,Failed'), { timeoutMs: 20_000 })
    // Approved by hand, another client's request is signed.
    await joining.create(CERTIFICATE_SIGNING_REQUESTS, { metadata: { name: 'dora' }, spec: { request: await request('dora', ['readers']), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] } }, { signal })
    t.regex(await lab.kubectl('get', 'csr', 'dora'), /Pending/)
    await lab.kubectl('certificate', 'approve', 'dora')
    await eventually(async () => (await lab.kubectl('get', 'csr', 'dora')).includes('Approved,Issued'), { timeoutMs: 20_000 })
    await lab.kubectl('certificate', 'deny', 'dora').then(() => t.fail('an approved request was denied'), () => t.pass())
  })
})

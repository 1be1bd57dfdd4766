// The same requests to a running kube-apiserver 1.36.3 and to ours: codes, messages, causes, defaults, printed columns and
// field ownership. Needs the peer "kube-apiserver-1.36.3" and etcd (docs/peers.md).

import test from 'ava'
import { ApiServerLab } from '../../../lab/apiserver.ts'
import { KUBE_APISERVER, KubeApiServerLab, hasKubeApiServer } from '../../../lab/kube-apiserver.ts'
import { missingPeer } from '../../../peers/cache.ts'
import { differences, Side, type Step } from './compare.ts'
import { OBJECTS } from './objects.ts'
import { DIFFERENT, READS } from './reads.ts'
import { SEQUENCES } from './sequences.ts'

const interop = hasKubeApiServer() ? test.serial : test.serial.skip
const title = (text: string): string => (hasKubeApiServer() ? text : `${text}: ${missingPeer(KUBE_APISERVER)}`)

type Both = { upstream: Side; ours: Side; close: () => Promise<void> }
let both: Both

test.before(async () => {
  if (!hasKubeApiServer()) return
  const [theirs, mine] = await Promise.all([KubeApiServerLab.open(), ApiServerLab.open()])
  both = {
    upstream: new Side(theirs.kubeconfig), ours: new Side(mine.kubeconfig),
    close: async () => { await theirs[Symbol.asyncDispose](); await mine[Symbol.asyncDispose]() },
  }
  // Ours makes the account itself, upstream's controller manager does it there.
  await both.upstream.send({ name: '', method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } } })
})

test.after.always(async () => { if (hasKubeApiServer()) await both.close() })

async function report(steps: readonly Step[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const step of steps) found.push(...await differences(both.upstream, both.ours, step))
  return found
}

interop(title('creates of good and bad objects are answered alike, word for word'), async t => {
  t.timeout(180_000)
  t.deepEqual(await report(OBJECTS), [])
})

interop(title('sequences of updates, patches and applies leave the same objects with the same owners'), async t => {
  t.timeout(180_000)
  t.deepEqual(await report(SEQUENCES), [])
})

interop(title('reads, deletes, reviews and odd requests are answered alike, but for differences that have a reason'), async t => {
  t.timeout(180_000)
  const found: string[] = []
  for (const step of READS) {
    const differing = await differences(both.upstream, both.ours, step)
    if (DIFFERENT[step.name] === undefined) found.push(...differing)
    else if (step.method === 'GET') t.true((await both.ours.send(step)).code < 500, step.name)
  }
  t.deepEqual(found, [])
})

interop(title('every kind is printed in the same columns'), async t => {
  t.timeout(180_000)
  const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
  const groups = (await both.upstream.send({ name: '', method: 'GET', path: '/apis' })).body as { groups: { versions: { groupVersion: string }[] }[] }
  const versions = ['api/v1', ...groups.groups.flatMap(group => group.versions.map(({ groupVersion }) => `apis/${groupVersion}`))]
  const found: string[] = []
  for (const version of versions) {
    const { resources } = (await both.upstream.send({ name: '', method: 'GET', path: `/${version}` })).body as { resources: { name: string; verbs: string[] }[] }
    for (const { name, verbs } of resources) {
      if (name.includes('/') || !verbs.includes('list')) continue
      const step: Step = { name, method: 'GET', path: `/${version}/${name}?limit=1`, headers: accept }
      const [theirs, ours] = await Promise.all([both.upstream.send(step), both.ours.send(step)])
      const columns = (body: unknown): unknown => ((body as { columnDefinitions?: Record<string, unknown>[] }).columnDefinitions ?? []).map(({ description: _, ...column }) => column)
      if (JSON.stringify(columns(theirs.body)) !== JSON.stringify(columns(ours.body))) found.push(`${version} ${name}: ${JSON.stringify(columns(ours.body))}`)
    }
  }
  t.deepEqual(found, [])
})

interop(title('every group version offers the same resources, verbs, names and categories'), async t => {
  t.timeout(60_000)
  const versions = (body: unknown): string[] => (body as { groups: { versions: { groupVersion: string }[] }[] }).groups.flatMap(group => group.versions.map(({ groupVersion }) => groupVersion))
  const list = await both.upstream.send({ name: '', method: 'GET', path: '/apis' })
  const steps = ['/api/v1', ...versions(list.body).map(version => `/apis/${version}`)].map((path): Step => ({ name: path, method: 'GET', path }))
  for (const step of steps) {
    const [theirs, ours] = await Promise.all([both.upstream.send(step), both.ours.send(step)])
    const rows = (body: unknown): unknown[] => (body as { resources: { name: string }[] }).resources.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    t.deepEqual(rows(ours.body), rows(theirs.body), step.path)
  }
})

// Objects over the wire: a real server process, real kubectl.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import test from 'ava'
import { ApiServerLab } from '../../lab/apiserver.ts'

test('a fresh server has its system namespaces and says that it is ready (scenarios 1, 12)', async t => {
  await using lab = await ApiServerLab.open()
  t.deepEqual((await lab.kubectl('get', 'ns', '-o', 'name')).trim().split('\n'), ['namespace/default', 'namespace/kube-node-lease', 'namespace/kube-public', 'namespace/kube-system'])
  const ready = await lab.kubectl('get', '--raw', '/readyz?verbose')
  t.regex(ready, /^\[\+\]ping ok\n/)
  t.regex(ready, /readyz check passed\n$/)
})

test('a watch follows an object from its creation to its end, across a restart of the server (scenario 79)', async t => {
  await using lab = await ApiServerLab.open()
  const lines: string[] = []
  const watcher = spawn('kubectl', ['--kubeconfig', lab.kubeconfig, '--cache-dir', lab.path('cache'), 'get', '--raw', '/api/v1/namespaces/default/pods?watch=true&resourceVersion=0'])
  try {
    createInterface({ input: watcher.stdout }).on('line', line => lines.push(line))
    await lab.kubectl('run', 'p', '--image=nginx')
    await lab.kubectl('label', 'pod', 'p', 'a=b')
    await lab.kubectl('delete', 'pod', 'p')
    await new Promise<void>(resolve => {
      const poll = setInterval(() => { if (lines.length >= 3) { clearInterval(poll); resolve() } }, 10)
    })
  } finally {
    watcher.kill()
  }
  const events = lines.map(line => JSON.parse(line) as { type: string; object: { metadata: { resourceVersion: string } } })
  t.deepEqual(events.map(({ type }) => type), ['ADDED', 'MODIFIED', 'DELETED'])
  const versions = events.map(({ object }) => Number(object.metadata.resourceVersion))
  t.deepEqual(versions, [...versions].sort((a, b) => a - b))
  await lab.stop('SIGKILL')
  await lab.start()
  const again = await lab.kubectl('get', '--raw', `/api/v1/namespaces/default/pods?watch=true&resourceVersion=${versions[0]}&timeoutSeconds=1`)
  t.deepEqual(again.trim().split('\n').map(line => (JSON.parse(line) as { type: string }).type), ['MODIFIED', 'DELETED'])
})

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { parseFailure } from '../../../src/node/cni/invoke.ts'
import { loadNetworkConfig, parseNetworkConfig } from '../../../src/node/cni/network-config.ts'
import { addressesOf } from '../../../src/node/cni/result.ts'
import { repositoryOf } from '../../../src/node/container/command.ts'
import { expand } from '../../../src/node/container/expand.ts'

const folderOf = (t: ExecutionContext, files: Readonly<Record<string, unknown>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-cni-conf-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}
const list = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({ cniVersion: '1.0.0', name, plugins: [{ type: 'x' }], ...more })

test('the first usable file by name counts; others and unusable ones are passed over', t => {
  t.is(loadNetworkConfig(folderOf(t, { '20-b.conflist': list('b'), '10-a.conflist': list('a'), '00-readme.txt': 'x' })).name, 'a')
  t.is(loadNetworkConfig(folderOf(t, { '10-a.conflist': '{', '20-b.conf': { cniVersion: '0.4.0', name: 'b', type: 'x' } })).name, 'b')
})

test('without a usable file every problem is named', t => {
  const folder = folderOf(t, { '10-a.conflist': '{', '20-b.conflist': list('b', { plugins: [] }), '30-c.conf': { name: 'c', type: 'x', cniVersion: '9.0.0' } })
  t.throws(() => loadNetworkConfig(folder), { code: 'CNI_CONFIG', message: /10-a\.conflist: is not JSON.*20-b\.conflist: has no plugins.*30-c\.conf: cniVersion "9\.0\.0" is none of/ })
  t.throws(() => loadNetworkConfig(join(folder, 'nowhere')), { message: /no network configuration in .*nowhere: start the agent/ })
})

test('of several versions the highest that both know is spoken', t => {
  const version = (fields: Readonly<Record<string, unknown>>) => parseNetworkConfig(JSON.stringify(list('n', fields)), { file: 'n.conflist' }).cniVersion
  t.is(version({ cniVersion: '1.0.0', cniVersions: ['0.4.0', '1.1.0', '2.0.0'] }), '1.1.0')
  t.is(version({ cniVersion: '0.3.1' }), '0.3.1')
})

test('a list is extended by the folder of its name unless it says otherwise', t => {
  const files = { 'net/5-more.conf': { type: 'y' } }
  t.deepEqual(loadNetworkConfig(folderOf(t, { ...files, '1.conflist': list('net') })).plugins.map(({ type }) => type), ['x', 'y'])
  t.deepEqual(loadNetworkConfig(folderOf(t, { ...files, '1.conflist': list('net', { loadOnlyInlinedPlugins: 'true' }) })).plugins.map(({ type }) => type), ['x'])
})

test('failures are read as libcni reads them', t => {
  t.deepEqual(parseFailure('{"cniVersion":"1.0.0","code":11,"msg":"later","details":"busy"}', 'noise', 1), { cniCode: 11, msg: 'later', details: 'busy' })
  t.like(parseFailure('', 'it broke\n', 1), { msg: 'it broke' })
  t.like(parseFailure('not json', '', 1), { msg: 'the plugin\'s error is not JSON: not json' })
  t.like(parseFailure('', '', null), { msg: 'the plugin ended with a signal and said nothing' })
})

test('the addresses of a result are those of the pod’s interface, or of none, in order', t => {
  const interfaces = [{ name: 'veth1' }, { name: 'eth0', sandbox: '/x' }, { name: 'eth1', sandbox: '/x' }]
  const ips = [{ address: '10.0.0.2/24', interface: 1 }, { address: '10.9.0.1/24', interface: 0 }, { address: 'FD00::2/64' }, { address: '10.8.0.2/24', interface: 2 }]
  t.deepEqual(addressesOf({ interfaces, ips }, 'eth0'), ['10.0.0.2', 'fd00::2'])
  t.throws(() => addressesOf({ ips: [{ address: 'nonsense' }] }, 'eth0'), { message: /ips\[0\]\.address/ })
})

test('image names are compared without registry default, tag and digest', t => {
  for (const image of ['weft/echo', 'weft/echo:1', 'docker.io/weft/echo:latest', 'weft/echo:1@sha256:abc']) t.is(repositoryOf(image), 'weft/echo')
  t.is(repositoryOf('registry:5000/weft/echo'), 'registry:5000/weft/echo')
})

test('$(NAME) is expanded as Kubernetes does', t => {
  const env = { A: 'x', B: '' }
  for (const [text, expanded] of [['$(A)', 'x'], ['$(A)$(A)', 'xx'], ['$$(A)', '$(A)'], ['$$$(A)', '$x'], ['$(NONE)', '$(NONE)'], ['$(B)|', '|'], ['$A', '$A'], ['a$', 'a$'], ['$(A', '$(A']] as const) t.is(expand(text, env), expanded, text)
})

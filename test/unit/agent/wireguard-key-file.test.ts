import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadWireguardKey } from '../../../src/agent/backends/wireguard/key-file.ts'

test('a key is made once, for root alone, in the form that flannel reads, and found again', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-key-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'run', 'wgkey')
  const made = await loadWireguardKey(path)
  t.is(readFileSync(path, 'utf8'), made.privateKey)
  t.is(statSync(path).mode & 0o777, 0o400)
  t.deepEqual(await loadWireguardKey(path), made)
  writeFileSync(join(folder, 'with-line-break'), `${made.privateKey}\n`)
  t.is((await loadWireguardKey(join(folder, 'with-line-break'))).publicKey, made.publicKey)
})

test('a file that holds no key is named, never overwritten, and its content is not shown', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-key-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'wgkey')
  writeFileSync(path, 'open sesame')
  const error = await t.throwsAsync(loadWireguardKey(path), { code: 'WIREGUARD_KEY_FILE', message: /wgkey: is not a WireGuard key.*remove the file/ })
  t.notRegex(error!.message, /sesame/)
  t.is(readFileSync(path, 'utf8'), 'open sesame')
  await t.throwsAsync(loadWireguardKey(folder), { code: 'WIREGUARD_KEY_FILE', message: /cannot read the WireGuard key file/ })
})

import test from 'ava'
import { parseAddress } from '../../../src/net/ip/address.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'
import { generatePrivateKey, keyFromBytes, publicKeyOf } from '../../../src/net/wireguard/key.ts'
import { Wireguard } from '../../../src/net/wireguard/wireguard.ts'
import { missingLinkKind } from '../../lab/kernel-features.ts'
import { LabNetns } from '../../lab/lab-netns.ts'
import { labPrefix } from '../../lab/leftovers.ts'

const call = { signal: new AbortController().signal }
const missing = await missingLinkKind('wireguard')
const run = missing === undefined ? test.serial : test.serial.skip

run(`a device and its peers are as they were set, through changes and removals (${missing ?? 'here'})`, async t => {
  await using netns = await LabNetns.open('host', `${labPrefix()}wireguard`)
  await using wireguard = Wireguard.open({ netns: netns.netns })
  t.is(await wireguard.device('wg0', call), undefined)
  await netns.rtnl.links.add({ name: 'wg0', up: true, info: { kind: 'wireguard' } }, call)
  t.is((await wireguard.device('wg0', call))!.publicKey, undefined)
  const privateKey = generatePrivateKey()
  await wireguard.configure('wg0', { privateKey, listenPort: 4567 }, call)
  const [one, two] = [publicKeyOf(generatePrivateKey()), publicKeyOf(generatePrivateKey())]
  const peer = {
    publicKey: one, presharedKey: generatePrivateKey(), endpoint: { address: parseAddress('192.0.2.1', 'a'), port: 9 }, keepaliveSeconds: 7, allowedIps: [parsePrefix('10.0.0.0/24', 'p'), parsePrefix('fd00::/64', 'p')],
  }
  await wireguard.putPeer('wg0', peer, call)
  const shown = await wireguard.device('wg0', call)
  t.deepEqual([shown!.publicKey, shown!.listenPort], [publicKeyOf(privateKey), 4567])
  t.deepEqual(shown!.peers, [{ ...peer, lastHandshakeMs: undefined, receivedBytes: 0n, sentBytes: 0n }])
  // A prefix leads to the peer that named it last; an absent endpoint leaves the one there is; no shared key takes it away.
  await wireguard.putPeer('wg0', { ...peer, publicKey: two, allowedIps: [parsePrefix('10.0.0.0/24', 'p')] }, call)
  await wireguard.putPeer('wg0', { ...peer, presharedKey: undefined, endpoint: undefined, keepaliveSeconds: 0, allowedIps: [parsePrefix('fd00::/64', 'p')] }, call)
  const changed = (await wireguard.device('wg0', call))!.peers.find(({ publicKey }) => publicKey === one)!
  t.deepEqual([changed.presharedKey, changed.endpoint, changed.keepaliveSeconds, changed.allowedIps], [undefined, peer.endpoint, 0, [parsePrefix('fd00::/64', 'p')]])
  await wireguard.removePeer('wg0', one, call)
  await wireguard.removePeer('wg0', one, call)
  t.deepEqual((await wireguard.device('wg0', call))!.peers.map(({ publicKey }) => publicKey), [two])
})

run(`a thousand peers, more than one message holds, are all read (${missing ?? 'here'})`, async t => {
  await using netns = await LabNetns.open('host', `${labPrefix()}wireguard-many`)
  await using wireguard = Wireguard.open({ netns: netns.netns })
  await netns.rtnl.links.add({ name: 'wg0', info: { kind: 'wireguard' } }, call)
  await wireguard.configure('wg0', { privateKey: generatePrivateKey(), listenPort: 4567 }, call)
  // Any 32 bytes are a public key.
  const keys = Array.from({ length: 1000 }, (_, index) => keyFromBytes(Buffer.alloc(32, `${index} `)))
  for (const [index, publicKey] of keys.entries()) {
    await wireguard.putPeer('wg0', { publicKey, presharedKey: undefined, endpoint: undefined, keepaliveSeconds: 0, allowedIps: [parsePrefix(`10.${1 + (index >> 8)}.${index & 255}.0/24`, 'p')] }, call)
  }
  const { peers } = (await wireguard.device('wg0', call))!
  t.is(new Set(peers.map(({ publicKey }) => publicKey)).size, 1000)
  t.true(peers.every(({ allowedIps }) => allowedIps.length === 1))
})

test('a link that is none of WireGuard\'s is no device', async t => {
  await using netns = await LabNetns.open('host', `${labPrefix()}wireguard-none`)
  await using wireguard = Wireguard.open({ netns: netns.netns })
  t.is(await wireguard.device('lo', call), undefined)
  const configuring = wireguard.configure('lo', { privateKey: generatePrivateKey(), listenPort: 1 }, call)
  await t.throwsAsync(configuring, { message: missing === undefined ? /WG_CMD_SET_DEVICE lo: the kernel answered EOPNOTSUPP/ : /the kernel has no WireGuard support/ })
})

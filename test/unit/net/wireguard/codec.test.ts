import test from 'ava'
import fc from 'fast-check'
import { addressFromBits, parseAddress, type Family } from '../../../../src/net/ip/address.ts'
import { parsePrefix, prefixOf } from '../../../../src/net/ip/prefix.ts'
import { messagesIn } from '../../../../src/net/netlink/message.ts'
import { MessageWriter } from '../../../../src/net/netlink/message-writer.ts'
import { getDeviceMessage, putPeerMessage, readDevice, removePeerMessage, setDeviceMessage } from '../../../../src/net/wireguard/codec.ts'
import type { WireguardPeerSpec } from '../../../../src/net/wireguard/device.ts'
import { keyFromBytes, parseWireguardKey, publicKeyOf } from '../../../../src/net/wireguard/key.ts'
import { Attributes } from '../../../../src/net/netlink/attributes.ts'
import { CAPTURED } from './captured.ts'

const FAMILY = 0x21
const hexOf = (writer: MessageWriter): string => writer.finish(1, 5).subarray(16).toString('hex')
const key = (byte: number) => keyFromBytes(Buffer.alloc(32, byte))
const times = (byte: string, count: number): string => byte.repeat(count)

test('a device is asked for by name, with command and version of the family', t => {
  // genlmsghdr: WG_CMD_GET_DEVICE 0, version 1; WGDEVICE_A_IFNAME 2 "wg0\0".
  t.is(hexOf(getDeviceMessage(FAMILY, 'wg0')), '00010000' + '08000200' + '77673000')
})

test('key and port of a device are in its message, in the host\'s byte order', t => {
  t.is(hexOf(setDeviceMessage(FAMILY, 'wg0', { privateKey: key(0xaa), listenPort: 51_820 })),
    '01010000' + '0800020077673000' + `24000300${times('aa', 32)}` + '060006006cca0000')
})

test('a peer is a nest in a nest, with its endpoint as a socket address and its prefixes in nests of their own', t => {
  const peer: WireguardPeerSpec = {
    publicKey: key(0x11), presharedKey: undefined, keepaliveSeconds: 25, endpoint: { address: parseAddress('192.0.2.7', 'e'), port: 51_820 }, allowedIps: [parsePrefix('10.244.2.0/24', 'a')],
  }
  const allowed = '200009801c00008006000100' + '02000000' + '080002000af40200' + '0500030018000000'
  const body = `24000100${times('11', 32)}` + '0800030002000000' + `24000200${times('00', 32)}` + '0600050019000000' + '14000400' + '0200ca6cc0000207' + times('00', 8) + allowed
  const item = (4 + body.length / 2).toString(16).padStart(2, '0')
  const list = (8 + body.length / 2).toString(16).padStart(2, '0')
  t.is(hexOf(putPeerMessage(FAMILY, 'wg0', peer)), `01010000` + '0800020077673000' + `${list}000880` + `${item}000080` + body)
})

test('a peer is removed by its key and a flag', t => {
  t.is(hexOf(removePeerMessage(FAMILY, 'wg0', key(0x11))), '01010000' + '0800020077673000' + '34000880' + '30000080' + `24000100${times('11', 32)}` + '0800030001000000')
})

const parse = (text: string) => parseWireguardKey(text, 'captured')
const capturedPeer: WireguardPeerSpec = {
  publicKey: parse(CAPTURED.peer), presharedKey: parse(CAPTURED.presharedKey), keepaliveSeconds: 25, endpoint: { address: parseAddress('192.0.2.7', 'e'), port: 51_820 },
  allowedIps: [parsePrefix('10.244.2.0/24', 'a'), parsePrefix('fd00::/64', 'a')],
}
const asMessage = (hex: string) => [{ type: FAMILY, flags: 0, sequence: 1, port: 1, payload: Buffer.from(hex, 'hex') }]

test('what the kernel answers is read: key, port, and all of a peer', t => {
  const device = readDevice(asMessage(CAPTURED.got))!
  t.deepEqual(device, {
    ifindex: 2, name: 'wg0', publicKey: parse(CAPTURED.publicKey), listenPort: 51_820, peers: [{ ...capturedPeer, lastHandshakeMs: undefined, receivedBytes: 0n, sentBytes: 0n }],
  })
  t.is(publicKeyOf(parse(CAPTURED.privateKey)), device.publicKey!)
})

test('a peer is written with the attributes that wg(8) writes, whatever their order', t => {
  const attributesOf = (payload: Buffer): readonly string[] => {
    const peer = Attributes.parse(payload.subarray(4)).nested(8)!.nestedItems()[0]!
    return peer.list.map(({ type, payload: value }) => `${type} ${value.toString('hex')}`).toSorted()
  }
  const written = putPeerMessage(FAMILY, 'wg0', capturedPeer).finish(1, 5).subarray(16)
  t.deepEqual(attributesOf(Buffer.from(written)), attributesOf(Buffer.from(CAPTURED.set, 'hex')))
})

const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(bytes => bytes.some(byte => byte !== 0)).map(keyFromBytes)
const anyAddress = fc.oneof(...([4, 6] as const).map((family: Family) => fc.bigInt({ min: 1n, max: (1n << (family === 4 ? 32n : 128n)) - 1n }).map(bits => addressFromBits(family, bits))))
const anyPeer: fc.Arbitrary<WireguardPeerSpec> = fc.record({
  publicKey: anyKey,
  presharedKey: fc.option(anyKey, { nil: undefined }),
  endpoint: fc.option(fc.record({ address: anyAddress, port: fc.integer({ min: 1, max: 65_535 }) }), { nil: undefined }),
  keepaliveSeconds: fc.integer({ min: 0, max: 65_535 }),
  allowedIps: fc.array(fc.tuple(anyAddress, fc.nat(32)).map(([address, length]) => prefixOf(address, length)), { maxLength: 4 }),
})

test('what is written of a peer is what is read of it', t => {
  fc.assert(fc.property(anyPeer, peer => {
    // The kernel answers in the layout in which it is asked.
    const device = readDevice(messagesIn(Buffer.from(putPeerMessage(FAMILY, 'wg0', peer).finish(1, 5))))!
    t.is(device.name, 'wg0')
    t.deepEqual(device.peers, [{ ...peer, lastHandshakeMs: undefined, receivedBytes: 0n, sentBytes: 0n }])
  }))
})

test('a device that comes in several messages is put together, a peer\'s prefixes too', t => {
  const part = (publicKey: number, prefix: string) => messagesIn(Buffer.from(putPeerMessage(FAMILY, 'wg0', {
    publicKey: key(publicKey), presharedKey: undefined, endpoint: undefined, keepaliveSeconds: 0, allowedIps: [parsePrefix(prefix, 'a')],
  }).finish(1, 5)))
  const device = readDevice([...part(1, '10.0.0.0/24'), ...part(1, '10.0.1.0/24'), ...part(2, '10.0.2.0/24')])!
  t.deepEqual(device.peers.map(({ allowedIps }) => allowedIps), [[parsePrefix('10.0.0.0/24', 'a'), parsePrefix('10.0.1.0/24', 'a')], [parsePrefix('10.0.2.0/24', 'a')]])
  t.is(readDevice([]), undefined)
})

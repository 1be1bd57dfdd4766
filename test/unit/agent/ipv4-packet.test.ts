import test from 'ava'
import fc from 'fast-check'
import { decrementTtl, icmpError, internetChecksum, readIpv4Header } from '../../../src/agent/backends/udp/ipv4-packet.ts'
import { expandVariables } from '../../../src/agent/backends/extension/run-command.ts'

const packet = (ttl: number, more: Readonly<{ protocol?: number; fragment?: number; id?: number; payload?: number }> = {}): Buffer => {
  const bytes = Buffer.alloc(20 + (more.payload ?? 8), 0xab)
  bytes.fill(0, 0, 20)
  bytes[0] = 0x45
  bytes.writeUInt16BE(bytes.length, 2)
  bytes.writeUInt16BE(more.id ?? 0, 4)
  bytes.writeUInt16BE(more.fragment ?? 0, 6)
  bytes[8] = ttl
  bytes[9] = more.protocol ?? 17
  bytes.writeUInt32BE(0x0af40102, 12)
  bytes.writeUInt32BE(0x0af40203, 16)
  bytes.writeUInt16BE(internetChecksum(bytes.subarray(0, 20)), 10)
  return bytes
}

test('T43: the TTL is counted down, and the checksum stays right without being computed anew', t => {
  fc.assert(fc.property(fc.integer({ min: 2, max: 255 }), fc.integer({ min: 0, max: 65_535 }), (ttl, id) => {
    const bytes = packet(ttl, { id })
    t.true(decrementTtl(bytes))
    t.is(bytes[8], ttl - 1)
    t.is(internetChecksum(bytes.subarray(0, 20)), 0)
  }))
  for (const ttl of [0, 1]) t.false(decrementTtl(packet(ttl)))
})

test('T43: an unknown subnet is answered by ICMP 3/0 with TTL 8, quoting header and eight bytes; ICMP and later fragments are not', t => {
  const bytes = packet(64, { payload: 100 })
  const error = icmpError(bytes, readIpv4Header(bytes, bytes.length)!, { kind: 'net-unreachable', source: 0x0af40100 })!
  t.deepEqual([error[8], error[9], error[20], error[21], error.readUInt32BE(12), error.readUInt32BE(16)], [8, 1, 3, 0, 0x0af40100, 0x0af40102])
  t.is(error.length, 20 + 8 + 28)
  t.true(error.subarray(28).equals(bytes.subarray(0, 28)))
  t.is(internetChecksum(error.subarray(0, 20)), 0)
  t.is(internetChecksum(error.subarray(20)), 0)
  for (const silent of [packet(64, { protocol: 1 }), packet(64, { fragment: 5 })]) {
    t.is(icmpError(silent, readIpv4Header(silent, silent.length)!, { kind: 'net-unreachable', source: 1 }), undefined)
  }
})

test('T44: whatever a stranger sends is read or refused, never more than what is there', t => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
    const header = readIpv4Header(Buffer.from(bytes), bytes.length)
    if (header !== undefined) t.true(header.totalBytes <= bytes.length && header.headerBytes <= header.totalBytes)
    else t.pass()
  }))
})

test('T45: what is put into a command stays one argument', t => {
  t.deepEqual(expandVariables(['add', '$SUBNET', '${PUBLIC_IP}x', '$NONE'], { SUBNET: '$(touch x) "y"', PUBLIC_IP: 'a b' }), ['add', '$(touch x) "y"', 'a bx', ''])
})

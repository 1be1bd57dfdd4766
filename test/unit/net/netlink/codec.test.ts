import test from 'ava'
import fc from 'fast-check'
import { refusalIn } from '../../../../src/net/netlink/acknowledgement.ts'
import { Attributes } from '../../../../src/net/netlink/attributes.ts'
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSG_ERROR } from '../../../../src/net/netlink/constants.ts'
import { messagesIn } from '../../../../src/net/netlink/message.ts'
import { MessageWriter } from '../../../../src/net/netlink/message-writer.ts'

const head = { type: 24, flags: 0, operation: 'test' }
const payloadOf = (writer: MessageWriter): Buffer => messagesIn(writer.finish(7, 1))[0]!.payload

test('what is written is what is read, whatever the order and the padding', t => {
  const attribute = fc.record({ type: fc.integer({ min: 1, max: 0x3fff }), value: fc.uint8Array({ maxLength: 300 }) })
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 20 }), attributes => {
      const writer = new MessageWriter(head, Buffer.alloc(5))
      for (const { type, value } of attributes) writer.bytes(type, value)
      const read = Attributes.parse(payloadOf(writer).subarray(8))
      t.deepEqual(read.list.map(a => ({ type: a.type, value: new Uint8Array(a.payload) })), attributes)
    }),
  )
})

test('a nest carries the nested flag, as WireGuard demands since Linux 5.2, and its own length', t => {
  const writer = new MessageWriter(head, new Uint8Array()).nested(3, nest => nest.u32(1, 5).nested(2, inner => inner.string(9, 'x')))
  const [outer] = Attributes.parse(payloadOf(writer)).list
  t.true(outer!.nested)
  const nest = Attributes.parse(outer!.payload)
  t.is(nest.u32(1), 5)
  t.is(nest.nested(2)!.string(9), 'x')
})

test('numbers keep their byte order and width', t => {
  const writer = new MessageWriter(head, new Uint8Array()).u8(1, 255).u16(2, 0x1234).u16be(3, 0x1234).u32(4, 0xffff_fffe).i32(5, -2).u32be(6, 1).u64(7, 1n << 63n).u64be(8, 5n).flag(9)
  const read = Attributes.parse(payloadOf(writer))
  t.deepEqual([read.u8(1), read.u16(2), read.u16be(3), read.u32(4), read.i32(5), read.u32be(6), read.u64(7), read.u64be(8), read.has(9), read.u8(99)],
    [255, 0x1234, 0x1234, 0xffff_fffe, -2, 1, 1n << 63n, 5n, true, undefined])
  t.deepEqual([...read.bytes(3)!], [0x12, 0x34])
})

test('attributes that a reader does not know are kept for him who does', t => {
  const read = Attributes.parse(payloadOf(new MessageWriter(head, new Uint8Array()).u32(1, 1).u32(777, 2)))
  t.deepEqual(read.unknown(new Set([1])).map(a => a.type), [777])
})

test('of repeated attributes the last counts, as for the kernel', t => {
  t.is(Attributes.parse(payloadOf(new MessageWriter(head, new Uint8Array()).u32(1, 1).u32(1, 2))).u32(1), 2)
})

test('several messages of one datagram are told apart', t => {
  const one = Buffer.from(new MessageWriter(head, Buffer.alloc(3)).finish(1, 5))
  const two = Buffer.from(new MessageWriter({ ...head, type: 30 }, Buffer.alloc(4)).finish(2, 6))
  t.deepEqual(messagesIn(Buffer.concat([one, two])).map(m => [m.type, m.flags, m.sequence]), [[24, 5, 1], [30, 6, 2]])
})

test('bytes that claim more than there is are an error, never a crash or a loop', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      for (const read of [() => messagesIn(Buffer.from(bytes)), () => Attributes.parse(Buffer.from(bytes))]) {
        try {
          read()
        } catch (error) {
          t.is((error as { code: string }).code, 'NETLINK_MALFORMED')
        }
      }
    }),
  )
  t.throws(() => messagesIn(Buffer.alloc(16)), { code: 'NETLINK_MALFORMED' })
})

test('an extended acknowledgement gives errno, text and the attribute at fault', t => {
  const request = Buffer.from(new MessageWriter(head, Buffer.alloc(16)).u32(1, 1 << 25).finish(9, 5))
  const tail = new MessageWriter(head, new Uint8Array()).string(1, 'VXLAN ID must be lower than 16777216').u32(2, 32)
  const error = Buffer.alloc(4)
  error.writeInt32LE(-34)
  const payload = Buffer.concat([error, request.subarray(0, 16), payloadOf(tail)])
  const message = { type: NLMSG_ERROR, flags: NLM_F_CAPPED | NLM_F_ACK_TLVS, sequence: 9, port: 1, payload }
  t.deepEqual(refusalIn(message, request), { errno: 34, errnoName: 'ERANGE', kernelText: 'VXLAN ID must be lower than 16777216', attribute: { offset: 32, type: 1 } })
  const whole = { ...message, flags: NLM_F_ACK_TLVS, payload: Buffer.concat([error, request, payloadOf(tail)]) }
  t.deepEqual(refusalIn(whole, request), refusalIn(message, request))
})

test('the status inside NLMSG_DONE counts: zero is success, below is an errno with its text', t => {
  const request = Buffer.alloc(16)
  const done = (status: number, text?: string) => {
    const payload = Buffer.alloc(4)
    payload.writeInt32LE(status)
    const tail = text === undefined ? Buffer.alloc(0) : payloadOf(new MessageWriter(head, new Uint8Array()).string(1, text))
    return { type: NLMSG_DONE, flags: text === undefined ? 0 : NLM_F_ACK_TLVS, sequence: 1, port: 1, payload: Buffer.concat([payload, tail]) }
  }
  t.is(refusalIn(done(0), request), undefined)
  t.deepEqual(refusalIn(done(-2, 'ipv4: FIB table does not exist'), request), { errno: 2, errnoName: 'ENOENT', kernelText: 'ipv4: FIB table does not exist' })
})

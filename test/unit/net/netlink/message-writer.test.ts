import test from 'ava'
import fc from 'fast-check'
import { Attributes } from '../../../../src/net/netlink/attributes.ts'
import { messagesIn } from '../../../../src/net/netlink/message.ts'
import { MessageWriter } from '../../../../src/net/netlink/message-writer.ts'

test('every attribute survives wherever the buffer has to grow', t => {
  const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 80 })
  fc.assert(
    fc.property(sizes, lengths => {
      const writer = new MessageWriter({ type: 16, flags: 0, operation: 'test' }, new Uint8Array(4))
      lengths.forEach((length, i) => {
        if (length < 10) writer.u32(i + 1, length)
        else writer.nested(i + 1, w => w.bytes(1, Buffer.alloc(length, i + 1)).u64(2, BigInt(length)))
      })
      const [message] = messagesIn(writer.finish(1, 0))
      const read = Attributes.parse(message!.payload.subarray(4))
      lengths.forEach((length, i) => {
        if (length < 10) return t.is(read.u32(i + 1), length)
        const nest = read.nested(i + 1)!
        t.true(nest.bytes(1)!.equals(Buffer.alloc(length, i + 1)))
        return t.is(nest.u64(2), BigInt(length))
      })
    }),
  )
  t.pass()
})

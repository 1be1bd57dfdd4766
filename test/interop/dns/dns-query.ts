// Questions to a name server (RFC 1035), over UDP and TCP, from inside a network namespace.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { lookupInNetns } from '../../lab/client.ts'

/** RFC 1035 section 3.2.2; RFC 2782. */
const TYPES = { A: 1, PTR: 12, SRV: 33 } as const
const CLASS_IN = 1
const NXDOMAIN = 3
const TIMEOUT_MS = 2_000

export type Question = Readonly<{ netns: string; server: string; over: 'udp' | 'tcp'; name: string; type: keyof typeof TYPES }>

/** Addresses, names or "port target", sorted; undefined when the name does not exist. */
export async function askName(question: Question): Promise<readonly string[] | undefined> {
  const query = encode(question)
  return decode(question.over === 'udp' ? await overUdp(question, query) : await overTcp(question, query))
}

function encode({ name, type }: Question): Buffer {
  const labels = name.split('.').flatMap(label => [Buffer.from([label.length]), Buffer.from(label, 'latin1')])
  // An id, recursion desired, one question.
  const header = Buffer.from([0x57, 0x46, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, TYPES[type], 0, CLASS_IN])])
}

async function overUdp({ netns, server }: Question, query: Buffer): Promise<Buffer> {
  const socket = createSocket({ type: 'udp4', lookup: lookupInNetns(netns) })
  try {
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const bound = once(socket, 'listening')
    socket.bind({ port: 0, address: '0.0.0.0', exclusive: true })
    await bound
    socket.send(query, 53, server)
    return ((await answered) as [Buffer])[0]
  } finally {
    socket.close()
  }
}

/** Over TCP a message comes after its length (section 4.2.2). */
async function overTcp({ netns, server }: Question, query: Buffer): Promise<Buffer> {
  const socket = connect({ host: `${server}.lab`, port: 53, autoSelectFamily: false, lookup: lookupInNetns(netns) })
  try {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.end(Buffer.concat([length, query]))
    const late = AbortSignal.timeout(TIMEOUT_MS)
    let message = Buffer.alloc(0)
    while (message.length < 2 || message.length < 2 + message.readUInt16BE(0)) message = Buffer.concat([message, ((await once(socket, 'data', { signal: late })) as [Buffer])[0]])
    return message.subarray(2)
  } finally {
    socket.destroy()
  }
}

function decode(message: Buffer): readonly string[] | undefined {
  const code = message[3]! & 15
  if (code === NXDOMAIN) return undefined
  if (code !== 0) throw new Error(`the name server answered with code ${code}`)
  let at = 12
  at = readName(message, at).next + 4
  const answers: string[] = []
  for (let left = message.readUInt16BE(6); left > 0; left -= 1) {
    const { next } = readName(message, at)
    const [type, length] = [message.readUInt16BE(next), message.readUInt16BE(next + 8)]
    const data = next + 10
    if (type === TYPES.A) answers.push([...message.subarray(data, data + 4)].join('.'))
    if (type === TYPES.PTR) answers.push(readName(message, data).name)
    if (type === TYPES.SRV) answers.push(`${message.readUInt16BE(data + 4)} ${readName(message, data + 6).name}`)
    at = data + length
  }
  return answers.sort()
}

/** A name, whose tail may be a pointer to an earlier one (section 4.1.4). */
function readName(message: Buffer, start: number): Readonly<{ name: string; next: number }> {
  const labels: string[] = []
  let next: number | undefined
  for (let at = start; ; ) {
    const length = message[at]!
    if (length === 0) return { name: labels.join('.'), next: next ?? at + 1 }
    if (length >= 0xc0) {
      next ??= at + 2
      at = message.readUInt16BE(at) & 0x3fff
      continue
    }
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
}

// A wire that misbehaves: carries Ethernet frames between two TAP devices, each late by a random time (so that some overtake
// others) and some twice. It does in user space what the kernel's netem does, on kernels with and without it.
// Run as a program inside the namespace where the devices are to be: wire.ts NAME-A NAME-B SEED DELAY-MS DUPLICATE-PERCENT

import { readPacket, waitReadable, writePacket } from '../../../src/net/tun/packet-io.ts'
import { openTun } from '../../../src/net/tun/tun-device.ts'
import { Random } from '../plan/random.ts'

const FRAME_BYTES = 65_536
/** How often a frame that is due is looked for. */
const TICK_MS = 1

type Held = Readonly<{ dueMs: number; to: number; frame: Buffer }>

const [nameA, nameB, seed, delayMs, duplicatePercent] = process.argv.slice(2)
const random = new Random(Number(seed))
const [a, b] = [openTun(nameA!, 'frames').fd, openTun(nameB!, 'frames').fd]
const held: Held[] = []
const buffer = Buffer.alloc(FRAME_BYTES)
process.stdout.write('ready\n')

for (;;) {
  waitReadable([a, b], held.length > 0 ? TICK_MS : 1_000)
  for (const [from, to] of [[a, b], [b, a]] as const) {
    for (let length = readPacket(from, buffer); typeof length === 'number' && length > 0; length = readPacket(from, buffer)) hold(Buffer.from(buffer.subarray(0, length)), to)
  }
  deliver(performance.now())
}

function hold(frame: Buffer, to: number): void {
  const copies = random.next() * 100 < Number(duplicatePercent) ? 2 : 1
  for (let copy = 0; copy < copies; copy += 1) held.push({ dueMs: performance.now() + random.next() * Number(delayMs), to, frame })
}

function deliver(nowMs: number): void {
  for (let index = held.length - 1; index >= 0; index -= 1) {
    const { dueMs, to, frame } = held[index]!
    if (dueMs > nowMs) continue
    held.splice(index, 1)
    // A frame that cannot be written is lost, as on any wire.
    writePacket(to, frame, frame.length)
  }
}

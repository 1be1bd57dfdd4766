// ICMP echo through the kernel's ping sockets (SOCK_DGRAM + IPPROTO_ICMP, icmp(7)): no program, no raw packets.

import { setTimeout as delay } from 'node:timers/promises'
import koffi from 'koffi'
import { addressToBytes, parseAddress } from '../../src/net/ip/address.ts'
import { inNetns } from '../../src/net/netns/in-netns.ts'
import { writeSysctls } from '../../src/net/sysctl/sysctl.ts'
import { setSocketOption } from '../../src/net/libc/libc.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int family, int type, int protocol)')
const connect = libc.func('int connect(int fd, uint8_t *address, uint32_t length)')
const send = libc.func('intptr_t send(int fd, uint8_t *bytes, size_t length, int flags)')
const recv = libc.func('intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)')
const close = libc.func('int close(int fd)')

const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000
const FAMILIES = {
  4: { family: 2, protocol: 1, echoRequest: 8, echoReply: 0, level: 0, mtuDiscover: 10 },
  6: { family: 10, protocol: 58, echoRequest: 128, echoReply: 129, level: 41, mtuDiscover: 23 },
} as const
/** Sets DF and lets no one fragment: IP_PMTUDISC_DO. */
const PMTUDISC_DO = 2

/** True when the echo request is answered in time. `payloadBytes` is sent with DF set. */
export async function ping(netns: string, text: string, options: Readonly<{ payloadBytes?: number; timeoutMs?: number }> = {}): Promise<boolean> {
  const address = parseAddress(text, 'address')
  const kind = FAMILIES[address.family]
  writeSysctls({ 'net/ipv4/ping_group_range': '0 0' }, { netns })
  const fd = inNetns(netns, () => socket(kind.family, SOCK_DGRAM_NONBLOCK_CLOEXEC, kind.protocol)) as number
  if (fd < 0) throw new Error(`ping: socket: errno ${koffi.errno()}`)
  try {
    if (options.payloadBytes !== undefined) setSocketOption(fd, kind.level, kind.mtuDiscover, PMTUDISC_DO)
    const name = Buffer.alloc(address.family === 4 ? 16 : 28)
    name.writeUInt16LE(kind.family)
    name.set(addressToBytes(address), address.family === 4 ? 4 : 8)
    const request = Buffer.alloc(8 + (options.payloadBytes ?? 8))
    request.set([kind.echoRequest, 0])
    const end = performance.now() + (options.timeoutMs ?? 1000)
    // Unreachable now (no route, EMSGSIZE): the answer is no.
    if (connect(fd, name, name.length) !== 0 || send(fd, request, request.length, 0) < 0) return false
    const answer = Buffer.alloc(request.length + 64)
    while (performance.now() < end) {
      const length = Number(recv(fd, answer, answer.length, 0))
      if (length >= 8 && answer[0] === kind.echoReply) return true
      await delay(2)
    }
    return false
  } finally {
    close(fd)
  }
}

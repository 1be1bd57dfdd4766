// TUN devices: a network interface whose packets a program reads and writes (Documentation/networking/tuntap.rst).

import { closeSync, constants, openSync } from 'node:fs'
import { WeftError } from '../../ops/errors.ts'
import { ioctl } from '../libc/libc.ts'

/** linux/if_tun.h: _IOW('T', 202, int); IFF_TUN and IFF_TAP; no packet information in front of packets. */
const TUNSETIFF = 0x4004_54ca
const MODES = { packets: 0x0001, frames: 0x0002 } as const
const IFF_NO_PI = 0x1000

/** struct ifreq { char name[16]; short flags; … } is 40 bytes on 64-bit kernels. */
const IFREQ_BYTES = 40
const NAME_BYTES = 16

export type TunDevice = Readonly<{
  /** The name that the kernel gave. */
  name: string
  /** Non-blocking; the device lives until it is closed. */
  fd: number
}>

/**
 * Makes a device that carries IP packets (TUN) or Ethernet frames (TAP); "%d" in the name is the first free number.
 * Throws TUN_FAILED without the device file or the right.
 */
export function openTun(name: string, carries: keyof typeof MODES = 'packets'): TunDevice {
  let fd: number
  try {
    fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK)
  } catch (cause) {
    throw new WeftError('TUN_FAILED', 'cannot open /dev/net/tun: load the module tun and give the agent access to it', { path: '/dev/net/tun' }, { cause })
  }
  try {
    const request = Buffer.alloc(IFREQ_BYTES)
    request.write(name, 0, NAME_BYTES - 1, 'latin1')
    request.writeUInt16LE(MODES[carries] | IFF_NO_PI, NAME_BYTES)
    ioctl(fd, TUNSETIFF, request)
    return { fd, name: request.toString('latin1', 0, NAME_BYTES).replace(/\0.*$/s, '') }
  } catch (cause) {
    closeSync(fd)
    throw new WeftError('TUN_FAILED', `cannot make the TUN device ${name}: ${(cause as Error).message}`, { link: name }, { cause })
  }
}

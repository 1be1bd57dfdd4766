// The addresses of this host, as the kernel has them.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { lookup } from 'node:dns/promises'
import type { HostAddress } from './choose-address.ts'

/** IPv4 first: clusters of both families, and of IPv4 alone, are known by it. */
export function listHostAddresses(): readonly HostAddress[] {
  const defaults = defaultLinks()
  const all = Object.entries(networkInterfaces()).flatMap(([link, entries]) =>
    (entries ?? []).filter(({ internal }) => !internal).map(({ address, family }) => ({ link, address, isDefault: defaults.has(link), family })))
  return [...all.filter(({ family }) => family === 'IPv4'), ...all.filter(({ family }) => family === 'IPv6')].map(({ link, address, isDefault }) => ({ link, address, isDefault }))
}

/** /proc/net/route: interface, destination and mask in hexadecimal. */
function defaultLinks(): ReadonlySet<string> {
  const rows = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1).map(line => line.split('\t'))
  return new Set(rows.filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000').map(([link]) => link!))
}

/** The address with which this host would speak to another one. Nothing is sent: a connected datagram socket has a route. */
export async function addressTowards(host: string): Promise<string | undefined> {
  const target = isIP(host) === 0 ? (await lookup(host)).address : host
  const socket = createSocket(isIP(target) === 6 ? 'udp6' : 'udp4')
  try {
    socket.connect(9, target)
    await once(socket, 'connect')
    return socket.address().address
  } catch (error) {
    if (['ENETUNREACH', 'EHOSTUNREACH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  } finally {
    socket.close()
  }
}

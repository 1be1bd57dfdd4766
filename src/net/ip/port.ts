// Transport ports and protocols.

import { InputError } from '../../ops/errors.ts'

export type Port = number & { readonly __brand: 'Port' }

export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** IANA protocol numbers, as l4proto matches and conntrack carry them. */
export const PROTOCOL_NUMBER = { TCP: 6, UDP: 17, SCTP: 132 } as const satisfies Record<Protocol, number>

/** Takes a number or decimal text between 1 and 65535. */
export function parsePort(value: unknown, field: string): Port {
  const number = typeof value === 'string' && /^[1-9]\d{0,4}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new InputError(field, value, 'is not a port between 1 and 65535')
  }
  return number as Port
}

/** "10.0.0.1:80" or "[fd00::1]:80". */
export const formatHostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

// Bootstrap tokens as `weft token` makes, shows and removes them.

import { randomInt } from 'node:crypto'
import type { Secret } from 'kubernetes-types/core/v1.js'
import {
  formatBootstrapToken, JOINING_NODES_GROUP, readTokenSecret, secretName, TOKEN_NAMESPACE, tokenSecret, TOKEN_SECRET_TYPE, type BootstrapToken, type TokenRecord,
} from '../../api/bootstrap-token/bootstrap-token.ts'
import type { ApiClient } from '../../client/api-client.ts'
import { SECRETS } from '../../client/resources.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const letters = (count: number): string => Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')

export const newBootstrapToken = (): BootstrapToken => ({ id: letters(6), secret: letters(16) })

/** Good for joining nodes, as kubeadm's are. */
export const joiningToken = (token: BootstrapToken, expiresAtMs: number | undefined, description: string): TokenRecord =>
  ({ token, expiresAtMs, usages: ['authentication', 'signing'], groups: [JOINING_NODES_GROUP], description })

export async function createToken(client: ApiClient, record: TokenRecord, options: Cancel): Promise<void> {
  await client.create(SECRETS, tokenSecret(record), options)
}

export async function listTokens(client: ApiClient, options: Cancel): Promise<readonly TokenRecord[]> {
  const { items } = await client.listAll<Secret>(SECRETS, { namespace: TOKEN_NAMESPACE, fieldSelector: `type=${TOKEN_SECRET_TYPE}`, ...options })
  return items.flatMap(secret => readTokenSecret(secret) ?? [])
}

export async function deleteToken(client: ApiClient, id: string, options: Cancel): Promise<void> {
  await client.delete(SECRETS, { name: secretName({ id }), namespace: TOKEN_NAMESPACE }, options)
}

/** kubeadm's columns. */
export function formatTokens(records: readonly TokenRecord[], nowMs: number): string {
  const rows = records.map(record => [
    formatBootstrapToken(record.token), record.expiresAtMs === undefined ? '<forever>' : remaining(record.expiresAtMs - nowMs),
    record.expiresAtMs === undefined ? '<never>' : `${new Date(record.expiresAtMs).toISOString().slice(0, 19)}Z`, record.usages.join(','), record.description === '' ? '<none>' : record.description, record.groups.join(','),
  ])
  const all = [['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map(row => row[column]!.length)))
  return all.map(row => `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ').trimEnd()}\n`).join('')
}

function remaining(ms: number): string {
  if (ms <= 0) return '<invalid>'
  const hours = Math.floor(ms / 3_600_000)
  return hours > 0 ? `${hours}h` : `${Math.max(1, Math.floor(ms / 60_000))}m`
}

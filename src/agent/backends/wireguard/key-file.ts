// The file with this host's private key. It outlives the process, so that peers need not learn a new key at every start.

import { readFile } from 'node:fs/promises'
import { generatePrivateKey, parseWireguardKey, publicKeyOf, type WireguardKey } from '../../../net/wireguard/key.ts'
import { WeftError } from '../../../ops/errors.ts'
import { replaceFile } from '../../../ops/replace-file.ts'
import type { WireguardIdentity } from './plan.ts'

/** Reads the key; makes one when there is none. The file is flannel's: base64 without a line break, for root alone. */
export async function loadWireguardKey(path: string): Promise<WireguardIdentity> {
  const privateKey = (await readKey(path)) ?? (await makeKey(path))
  return { privateKey, publicKey: publicKeyOf(privateKey) }
}

async function readKey(path: string): Promise<WireguardKey | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new WeftError('WIREGUARD_KEY_FILE', `cannot read the WireGuard key file ${path}: ${(error as Error).message}`, { path }, { cause: error })
  }
  try {
    return parseWireguardKey(text.trim(), path)
  } catch (cause) {
    throw new WeftError('WIREGUARD_KEY_FILE', `${(cause as Error).message}; remove the file to have a new key made`, { path }, { cause })
  }
}

async function makeKey(path: string): Promise<WireguardKey> {
  const key = generatePrivateKey()
  await replaceFile(path, key, { mode: 0o400, folderMode: 0o755 })
  return key
}

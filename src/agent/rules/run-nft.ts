// Runs the nft program.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { WeftError } from '../../ops/errors.ts'

/** First of all, since npm puts its own folders in front, and there is a package whose program is called nft too. */
const SYSTEM_FOLDERS = '/usr/sbin:/usr/bin:/sbin:/bin'

/** Sends `script` to `nft <args>` and answers its output. Throws NFT_MISSING or NFT_FAILED with what it said. */
export async function runNft(args: readonly string[], options: Readonly<{ script?: string; signal: AbortSignal }>): Promise<string> {
  const env = { ...process.env, PATH: `${SYSTEM_FOLDERS}:${process.env['PATH'] ?? ''}` }
  const child = spawn('nft', args, { stdio: ['pipe', 'pipe', 'pipe'], env, signal: options.signal })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  // A program that ends before it has read everything breaks the pipe; its exit status says why.
  child.stdin.on('error', () => {})
  child.stdin.end(options.script ?? '')
  try {
    const [[stdout, stderr], [status]] = await Promise.all([output, once(child, 'close') as Promise<[number | null]>])
    if (status === 0) return stdout
    throw new WeftError('NFT_FAILED', `nft ${args.join(' ')} failed: ${stderr.trim().split('\n')[0] || `exit status ${status}`}`, { args, status }, { retryable: true })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new WeftError('NFT_MISSING', 'the program nft was not found in PATH: install the package nftables', {}, { cause })
  }
}

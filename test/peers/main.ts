// `npm run peers [-- NAME…]`: brings the real peers into the cache and says what it got and what is missing.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BIN_DIR, findPeer, PEERS_DIR } from './cache.ts'
import { unpackDebianKernel } from './debian-kernel.ts'
import { openApt, unpackDebianProgram, type Apt } from './debian-program.ts'
import { buildGoProgram, findGo } from './go-program.ts'
import { PEERS, type Peer } from './manifest.ts'

type Outcome = Readonly<{ name: string; state: 'present' | 'new' | 'missing'; seconds: number; detail: string }>

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !PEERS.some(peer => peer.name.startsWith(name)))
if (unknown.length > 0) {
  process.stderr.write(`peers: there is no peer named ${unknown.join(', ')}; known: ${PEERS.map(peer => peer.name).join(', ')}\n`)
  process.exit(2)
}
const peers = PEERS.filter(peer => wanted.length === 0 || wanted.some(name => peer.name.startsWith(name)))

mkdirSync(BIN_DIR, { recursive: true })
const goVersion = await findGo()
let apt: Promise<Apt> | undefined
const outcomes: Outcome[] = []
for (const peer of peers) {
  const outcome = await bring(peer)
  outcomes.push(outcome)
  process.stdout.write(`${outcome.state.padEnd(8)} ${outcome.name.padEnd(32)} ${`${outcome.seconds} s`.padStart(7)}  ${outcome.detail}\n`)
}
remember(outcomes)
const missing = outcomes.filter(outcome => outcome.state === 'missing').length
process.stdout.write(`${outcomes.length - missing} of ${outcomes.length} peers are in ${PEERS_DIR}\n`)

/** Never throws: a peer that cannot be had is reported, and the suites that need it skip. */
async function bring(peer: Peer): Promise<Outcome> {
  const start = performance.now()
  const done = (state: Outcome['state'], detail: string): Outcome => ({
    name: peer.name,
    state,
    seconds: Math.round((performance.now() - start) / 1000),
    detail,
  })
  const present = findPeer(peer.name)
  if (present !== undefined) return done('present', checksum(peer))
  try {
    if (peer.kind === 'go') {
      if (goVersion === undefined) return done('missing', 'Go is not on this machine')
      await buildGoProgram(peer)
    } else {
      apt ??= openApt([...new Set(PEERS.flatMap(p => (p.kind === 'go' ? [] : [p.suite])))])
      if (peer.kind === 'kernel') await unpackDebianKernel(await apt, peer)
      else await unpackDebianProgram(await apt, peer)
    }
    return done('new', checksum(peer))
  } catch (error) {
    return done('missing', (error as Error).message)
  }
}

/** Adds this run's outcomes to those of earlier runs in `inventory.json`. */
function remember(latest: readonly Outcome[]): void {
  const path = join(PEERS_DIR, 'inventory.json')
  const earlier = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Outcome[]) : []
  const kept = earlier.filter(({ name }) => !latest.some(outcome => outcome.name === name))
  writeFileSync(path, `${JSON.stringify([...kept, ...latest], null, 2)}\n`)
}

/** What the inventory remembers of a program, so that a result can name the exact bytes it was had with. */
function checksum(peer: Peer): string {
  if (peer.kind === 'kernel') return checksumOf(join(findPeer(peer.name)!, 'vmlinuz'))
  const programs = peer.kind === 'debian' && peer.programs.length > 1 ? peer.programs.map(p => `${peer.name}/${p.slice(p.lastIndexOf('/') + 1)}`) : [peer.name]
  return programs.map(program => checksumOf(findPeer(program)!)).join(' ')
}

function checksumOf(path: string): string {
  return `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)}`
}

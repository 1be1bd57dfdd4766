// host-local's reservations on disk: a file per address, named like it, holding "<container id>CRLF<interface>". Read and
// written under the same lock as the upstream plugin's, so both may serve one node while it is being switched over.
// Layout: plugins/ipam/host-local/backend/disk in the upstream plugin set.

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatAddress, tryParseAddress, type Address } from '../../../src/net/ip/address.ts'
import { lockFile } from '../../../src/net/libc/file-lock.ts'
import type { Clock } from '../../../src/ops/clock.ts'
import { CniError } from '../cni-error.ts'
import type { AttachmentId } from '../attachment/names.ts'
import { planAllocation, type Allocation } from './plan-allocation.ts'
import type { RangeSet } from './ranges.ts'

/** Upstream syncs nothing, so a power cut leaves empty files that belong to nobody. One this old is no file being written. */
const EMPTY_FILE_GRACE_MS = 60_000
const LOCK_POLL_MS = 5

export type FolderOptions = Readonly<{ clock: Clock; signal: AbortSignal }>

/** Reserves one address per set, all or nothing. */
export async function reserveInFolder(
  folder: string,
  request: Readonly<{ owner: AttachmentId; sets: readonly RangeSet[]; requested: readonly Address[] }>,
  options: FolderOptions,
): Promise<readonly Allocation[]> {
  writing(folder, () => mkdirSync(folder, { recursive: true, mode: 0o755 }))
  return await locked(folder, options, () => {
    const files = readReservations(folder, options.clock.now())
    const mine = files.filter(file => isOwner(file.content, request.owner))
    if (mine.length > 0) throw duplicate(request.owner, mine.map(file => file.name))
    const taken = new Set(files.map(file => keyOf(file.address)))
    const allocations = planAllocation({
      sets: request.sets,
      lastReserved: set => readAddress(join(folder, `last_reserved_ip.${set}`)),
      isTaken: address => taken.has(keyOf(address)),
      requested: request.requested,
    })
    writeReservations(folder, request.owner, allocations)
    return allocations
  })
}

/** Frees every address that the owner holds. A folder that is gone holds nothing. */
export async function releaseInFolder(folder: string, owner: AttachmentId, options: FolderOptions): Promise<void> {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return
  await locked(folder, options, () => {
    for (const file of readReservations(folder, options.clock.now())) {
      if (isOwner(file.content, owner)) rmSync(join(folder, file.name), { force: true })
    }
  })
}

/** Addresses that the owner holds there. */
export async function heldInFolder(folder: string, owner: AttachmentId, options: FolderOptions): Promise<readonly Address[]> {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return []
  return await locked(folder, options, () =>
    readReservations(folder, options.clock.now()).flatMap(file => (isOwner(file.content, owner) ? [file.address] : [])),
  )
}

/** Everything reserved there, whoever holds it. */
export async function listFolder(folder: string, options: FolderOptions): Promise<readonly Reservation[]> {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return []
  return await locked(folder, options, () => readReservations(folder, options.clock.now()))
}

/** Frees what belongs to nobody in `valid`. */
export async function releaseOthersInFolder(folder: string, valid: readonly AttachmentId[], options: FolderOptions): Promise<number> {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return 0
  return await locked(folder, options, () => {
    const stale = readReservations(folder, options.clock.now()).filter(file => !valid.some(owner => isOwner(file.content, owner)))
    for (const file of stale) rmSync(join(folder, file.name), { force: true })
    return stale.length
  })
}

export type Reservation = Readonly<{ name: string; address: Address; content: string }>

async function locked<T>(folder: string, options: FolderOptions, work: () => T): Promise<T> {
  const fd = writing(folder, () => openSync(join(folder, 'lock'), 'a+', 0o600))
  try {
    while (!lockFile(fd, 'exclusive')) await options.clock.sleep(LOCK_POLL_MS, { signal: options.signal })
    return work()
  } finally {
    closeSync(fd) // releases the lock
  }
}

/** Reservation files; empty ones past their grace are removed on the way. Names that are no address are not ours to read. */
function readReservations(folder: string, nowMs: number): readonly Reservation[] {
  return readdirSync(folder).flatMap(name => {
    const address = tryParseAddress(name)
    if (address === undefined) return []
    const path = join(folder, name)
    const content = readFileSync(path, 'utf8').trim()
    if (content === '' && nowMs - statSync(path).mtimeMs > EMPTY_FILE_GRACE_MS) {
      rmSync(path, { force: true })
      return []
    }
    return [{ name, address, content }]
  })
}

/** Files of old releases hold the container id alone; then the interface is unknown and any of the container's matches. */
function isOwner(content: string, owner: AttachmentId): boolean {
  const [containerId, ifname] = content.split(/\r?\n/).map(part => part.trim())
  return containerId === owner.containerId && (ifname === undefined || ifname === '' || ifname === owner.ifname)
}

function writeReservations(folder: string, owner: AttachmentId, allocations: readonly Allocation[]): void {
  const written: string[] = []
  try {
    for (const { address, set } of allocations) {
      const path = join(folder, formatAddress(address))
      const fd = openSync(path, 'wx', 0o600)
      written.push(path)
      try {
        writeFileSync(fd, `${owner.containerId}\r\n${owner.ifname}`)
      } finally {
        closeSync(fd)
      }
      writeFileSync(join(folder, `last_reserved_ip.${set}`), formatAddress(address), { mode: 0o600 })
    }
  } catch (cause) {
    for (const path of written) rmSync(path, { force: true })
    throw unwritable(folder, cause)
  }
}

/** A folder that is full or read-only is so for a while. */
function writing<T>(folder: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw unwritable(folder, cause)
  }
}

const unwritable = (folder: string, cause: unknown): CniError =>
  new CniError('CNI_TRY_AGAIN_LATER', `cannot write reservations in ${folder}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, undefined, { cause })

function readAddress(path: string): Address | undefined {
  try {
    return tryParseAddress(readFileSync(path, 'utf8').trim())
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const duplicate = ({ containerId, ifname }: AttachmentId, addresses: readonly string[]): CniError =>
  new CniError('CNI_ATTACHMENT_EXISTS', `${addresses.join(', ')} has been allocated to ${containerId} ${ifname}, duplicate allocation is not allowed`)

const keyOf = (address: Address): string => `${address.family}/${address.bits}`

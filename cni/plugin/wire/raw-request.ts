// A request as the shim sent it: bytes and numbers, nothing judged yet.

import { REPLY_TAG, REQUEST_TAG, formatFrame, FrameError, type Field } from './frame.ts'

export type NamespaceFile = Readonly<{ device: bigint; inode: bigint }>

/** What the shim found when it opened `CNI_NETNS`. */
export type OpenedNetns =
  | Readonly<{ kind: 'opened'; fd: number; file: NamespaceFile }>
  /** It exists and is no network namespace. */
  | Readonly<{ kind: 'wrong-type' }>
  | Readonly<{ kind: 'failed'; errno: number }>

export type RawRequest = Readonly<{
  /** Environment by tag; empty equals unset, so absent. */
  command: string
  containerId: string
  netns: string
  ifname: string
  args: string
  netnsOverride: string
  /** Name under which the shim was executed, without its folder. */
  program: string
  traceparent: string
  stdin: Buffer
  /** errno of reading stdin; EFBIG for more than 4 MiB. */
  stdinErrno: number | undefined
  /** Network namespace in which the shim ran. */
  ownNetns: NamespaceFile | undefined
  openedNetns: OpenedNetns | undefined
  remainingMs: number
}>

const NETNS_WRONG_TYPE = 0xffff_ffff

/** Picks the known fields; unknown tags are a newer shim's and ignored. */
export function readRequest(fields: readonly Field[]): RawRequest {
  const bytes = new Map(fields.map(field => [field.tag, Buffer.from(field.bytes.buffer, field.bytes.byteOffset, field.bytes.length)]))
  const text = (tag: number): string => bytes.get(tag)?.toString('utf8') ?? ''
  const number = (tag: number): number | undefined => sized(bytes.get(tag), 4, tag)?.readUInt32LE()
  const own = sized(bytes.get(REQUEST_TAG.OWN_NETNS), 16, REQUEST_TAG.OWN_NETNS)
  return {
    command: text(REQUEST_TAG.COMMAND),
    containerId: text(REQUEST_TAG.CONTAINER_ID),
    netns: text(REQUEST_TAG.NETNS),
    ifname: text(REQUEST_TAG.IFNAME),
    args: text(REQUEST_TAG.ARGS),
    netnsOverride: text(REQUEST_TAG.NETNS_OVERRIDE),
    program: text(REQUEST_TAG.PROGRAM).replace(/^.*\//s, ''),
    traceparent: text(REQUEST_TAG.TRACEPARENT),
    stdin: bytes.get(REQUEST_TAG.STDIN) ?? Buffer.alloc(0),
    stdinErrno: number(REQUEST_TAG.STDIN_ERRNO),
    ownNetns: own === undefined ? undefined : namespaceFile(own, 0),
    openedNetns: readOpened(sized(bytes.get(REQUEST_TAG.OPENED_NETNS), 24, REQUEST_TAG.OPENED_NETNS)),
    remainingMs: number(REQUEST_TAG.REMAINING_MS) ?? 0,
  }
}

function readOpened(bytes: Buffer | undefined): OpenedNetns | undefined {
  if (bytes === undefined) return undefined
  const problem = bytes.readUInt32LE(4)
  if (problem === NETNS_WRONG_TYPE) return { kind: 'wrong-type' }
  if (problem !== 0) return { kind: 'failed', errno: problem }
  return { kind: 'opened', fd: bytes.readUInt32LE(0), file: namespaceFile(bytes, 8) }
}

const namespaceFile = (bytes: Buffer, at: number): NamespaceFile => ({ device: bytes.readBigUInt64LE(at), inode: bytes.readBigUInt64LE(at + 8) })

function sized(bytes: Buffer | undefined, length: number, tag: number): Buffer | undefined {
  if (bytes !== undefined && bytes.length !== length) throw new FrameError(`has ${bytes.length} bytes in field ${tag}, which holds ${length}`)
  return bytes
}

export type Reply = Readonly<{
  exitCode: number
  stdout: string
  stderr?: string
  /** The shim runs in another host's namespace than this agent. */
  wrongHost?: boolean
}>

export function formatReply(reply: Reply): Buffer {
  const exitCode = Buffer.alloc(4)
  exitCode.writeUInt32LE(reply.exitCode)
  return formatFrame([
    { tag: REPLY_TAG.EXIT_CODE, bytes: exitCode },
    { tag: REPLY_TAG.STDOUT, bytes: Buffer.from(reply.stdout) },
    ...(reply.stderr === undefined ? [] : [{ tag: REPLY_TAG.STDERR, bytes: Buffer.from(reply.stderr) }]),
    ...(reply.wrongHost === true ? [{ tag: REPLY_TAG.WRONG_HOST, bytes: Buffer.alloc(0) }] : []),
  ])
}

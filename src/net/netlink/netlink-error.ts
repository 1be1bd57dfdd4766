// What can go wrong between us and the kernel, with errno, the operation and the kernel's own words.

import { WeftError, type WeftErrorOptions } from '../../ops/errors.ts'

export type NetlinkErrorCode =
  | 'NETLINK_REFUSED' // the kernel answered with an errno
  | 'NETLINK_DUMP_INTERRUPTED' // a dump stayed inconsistent however often it was repeated
  | 'NETLINK_OVERRUN' // the receive buffer overflowed: answers may be lost
  | 'NETLINK_TIMEOUT' // no answer within the deadline
  | 'NETLINK_CLOSED' // the socket was closed while an answer was outstanding
  | 'NETLINK_MALFORMED' // bytes that are no netlink message

export type KernelRefusal = Readonly<{
  /** Positive errno(3) number and its name. */
  errno: number
  errnoName: string
  /** The kernel's extended text (NLMSGERR_ATTR_MSG), such as "Nexthop has invalid gateway". */
  kernelText?: string
  /** The attribute of our message that the kernel points at: byte offset in the message, and its type. */
  attribute?: Readonly<{ offset: number; type: number }>
}>

/** `errnoName` and the rest of the refusal are set when `code` is NETLINK_REFUSED. */
export class NetlinkError extends WeftError {
  readonly operation: string | undefined
  readonly errno: number | undefined
  readonly errnoName: string | undefined
  readonly kernelText: string | undefined
  readonly attribute: KernelRefusal['attribute']

  constructor(
    code: NetlinkErrorCode, message: string,
    details: Readonly<{ operation?: string; refusal?: KernelRefusal }> = {},
    options: WeftErrorOptions = {},
  ) {
    super(code, message, { operation: details.operation, ...details.refusal }, options)
    this.operation = details.operation
    this.errno = details.refusal?.errno
    this.errnoName = details.refusal?.errnoName
    this.kernelText = details.refusal?.kernelText
    this.attribute = details.refusal?.attribute
  }
}

/** errnos that pass by themselves: another writer held the lock or memory was short. */
const TRANSIENT: ReadonlySet<string> = new Set(['EAGAIN', 'EBUSY', 'EINTR', 'ENOBUFS', 'ENOMEM'])

export function refused(operation: string, refusal: KernelRefusal): NetlinkError {
  const words = refusal.kernelText === undefined ? '' : `: ${refusal.kernelText}`
  const where = refusal.attribute === undefined ? '' : ` (attribute ${refusal.attribute.type} at byte ${refusal.attribute.offset})`
  const message = `${operation}: the kernel answered ${refusal.errnoName}${words}${where}`
  return new NetlinkError('NETLINK_REFUSED', message, { operation, refusal }, { retryable: TRANSIENT.has(refusal.errnoName) })
}

/** True when the kernel refused with one of these errno names. */
export const isRefusal = (error: unknown, ...names: readonly string[]): error is NetlinkError =>
  error instanceof NetlinkError && error.errnoName !== undefined && names.includes(error.errnoName)

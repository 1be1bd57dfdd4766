// What clients report: every request on a new connection, every line of an old one, every datagram.

import type { Fault } from '../plan/fault.ts'

/** Where an attempt's packets may pass. "outside" is the machine around the cluster. */
export type Path = Readonly<{
  from: string
  /** The host whose rules turn a Service's address into an endpoint's; undefined for pod to pod. */
  servedAt: string | undefined
  /** The pods that may answer, and their hosts. */
  to: readonly Readonly<{ pod: string; host: string }>[]
}>

export type Attempt = Readonly<{
  client: string
  path: Path
  /** "request": on a connection of its own. "line": on one that was there before. "datagram": one of a conversation. */
  kind: 'request' | 'line' | 'datagram'
  /** When the connection or conversation was opened; for a request, when it began. */
  openedMs: number
  startMs: number
  endMs: number
  /** Undefined: answered. */
  failure: string | undefined
}>

/** A fault as it happened: when it took hold, and when it was lifted or its victim was back at work. */
export type Happened = Readonly<{ fault: Fault; fromMs: number; untilMs: number }>

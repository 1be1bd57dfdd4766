// What can be done to a cluster. Plain data, so that a schedule can be printed, compared and replayed.

import type { Component } from '../../../src/cluster/supervisor/daemon.ts'

/** Things in a host's kernel that a person or another program may take away. */
export const KERNEL_OBJECTS = ['route', 'neighbour', 'fdb', 'tunnel', 'tunnel-address', 'tunnel-up', 'bridge', 'bridge-address', 'bridge-port'] as const
export type KernelObject = (typeof KERNEL_OBJECTS)[number]

export const RULESETS = ['nat', 'filter', 'mangle', 'everything'] as const
export type Ruleset = (typeof RULESETS)[number]

export type Fault =
  | Readonly<{ kind: 'kill'; host: string; component: Component; signal: 'SIGKILL' | 'SIGTERM' }>
  /** Stopped by SIGSTOP: alive, and does nothing. */
  | Readonly<{ kind: 'freeze'; host: string; component: Component; forMs: number }>
  /** Nothing passes between the host and the others. */
  | Readonly<{ kind: 'cut'; host: string; forMs: number }>
  | Readonly<{ kind: 'drop'; host: string; percent: number; forMs: number }>
  /** Frames arrive late by a random time, so some overtake others, and some arrive twice. */
  | Readonly<{ kind: 'disorder'; host: string; delayMs: number; duplicatePercent: number; forMs: number }>
  /** The interface between hosts loses its carrier, and with it the host its routes. */
  | Readonly<{ kind: 'bounce'; host: string; forMs: number }>
  /** `choice` picks one of several. */
  | Readonly<{ kind: 'delete'; host: string; what: KernelObject; choice: number }>
  | Readonly<{ kind: 'flush'; host: string; what: Ruleset }>
  | Readonly<{ kind: 'fill-disk'; forMs: number }>
  /** What the host's daemons take for the time of day. */
  | Readonly<{ kind: 'step-clock'; host: string; bySeconds: number; forMs: number }>
  | Readonly<{ kind: 'restart-etcd'; signal: 'SIGKILL' | 'SIGTERM'; forMs: number }>
  | Readonly<{ kind: 'kill-container'; pod: string; host: string }>

export const describeFault = ({ kind, ...rest }: Fault): string => `${kind} ${Object.entries(rest).map(([name, value]) => `${name}=${value}`).join(' ')}`

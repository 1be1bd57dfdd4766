// What a check says.

import type { HostFacts } from './facts.ts'

export const LEVELS = ['ok', 'unknown', 'warning', 'failure'] as const
export type Level = (typeof LEVELS)[number]

export type Finding = Readonly<{
  /** Stable: scripts may look for it. */
  check: string
  level: Level
  message: string
  /** What to do; empty where nothing is to be done. */
  remedy: string
}>

export type Check = Readonly<{ name: string; run: (facts: HostFacts) => readonly Omit<Finding, 'check'>[] }>

export const ok = (message: string): Omit<Finding, 'check'> => ({ level: 'ok', message, remedy: '' })
export const unknown = (message: string, remedy = ''): Omit<Finding, 'check'> => ({ level: 'unknown', message, remedy })
export const warning = (message: string, remedy: string): Omit<Finding, 'check'> => ({ level: 'warning', message, remedy })
export const failure = (message: string, remedy: string): Omit<Finding, 'check'> => ({ level: 'failure', message, remedy })

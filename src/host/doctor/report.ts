// All checks over one set of facts, and the two ways of telling what they found.

import { foreignPrograms, foreignRules, packetFilter } from './checks/rules.ts'
import { clock, kernel, modules, privileges, programs, settings } from './checks/machine.ts'
import { apiServer, daemons, mtu, nodeAddress, nodeInside, overlap, peers, ports } from './checks/network.ts'
import type { HostFacts } from './facts.ts'
import { LEVELS, type Check, type Finding, type Level } from './finding.ts'

export const CHECKS: readonly Check[] = [
  privileges, kernel, modules, settings, programs, clock, packetFilter, foreignRules, foreignPrograms, nodeAddress, nodeInside, overlap, mtu, ports, apiServer, peers, daemons,
]

export const examine = (facts: HostFacts): readonly Finding[] => CHECKS.flatMap(({ name, run }) => run(facts).map(finding => ({ check: name, ...finding })))

export const worst = (findings: readonly Finding[]): Level => LEVELS[Math.max(0, ...findings.map(({ level }) => LEVELS.indexOf(level)))]!

/** 0: nothing is wrong; 1: something will not work; with `strict`, warnings and what could not be found out count, too. */
export const exitCode = (findings: readonly Finding[], { strict }: Readonly<{ strict: boolean }>): 0 | 1 => {
  const level = worst(findings)
  return level === 'failure' || (strict && level !== 'ok') ? 1 : 0
}

const SIGNS: Readonly<Record<Level, string>> = { ok: 'ok  ', unknown: '?   ', warning: 'warn', failure: 'FAIL' }

export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, level, message, remedy }) => [`${SIGNS[level]}  ${check.padEnd(width)}  ${message}`, ...(remedy === '' ? [] : [`${' '.repeat(width + 8)}-> ${remedy}`])])
  const count = (level: Level): number => findings.filter(finding => finding.level === level).length
  return `${lines.join('\n')}\n\n${count('failure')} failures, ${count('warning')} warnings, ${count('unknown')} unknown, ${count('ok')} ok\n`
}

/** One object; `findings` may gain fields, never lose them. */
export const findingsJson = (findings: readonly Finding[]): string => `${JSON.stringify({ apiVersion: 'weft/v1', kind: 'DoctorReport', level: worst(findings), findings }, undefined, 2)}\n`

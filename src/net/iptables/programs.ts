// Which iptables programs this host has: the nft-backed ones or the legacy ones, and of which version.
// A kubelet leaves a chain KUBE-IPTABLES-HINT in `mangle` of the variant in use (KEP-3178); it decides when present.

import { isAbort } from '../../ops/errors.ts'
import type { Family } from '../ip/address.ts'
import { IptablesError, IptablesMissingError } from './iptables-error.ts'
import { runProgram, type RunOptions } from './run-program.ts'

export type IptablesVariant = 'nft' | 'legacy'

export type Programs = Readonly<{
  family: Family
  variant: IptablesVariant
  /** For instance "1.8.9". */
  version: string
  command: string
  restore: string
  save: string
}>

const HINT_CHAINS = /^:(?:KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY) /m

/**
 * Finds the programs for `family`.
 *
 * With `variant` "auto": the variant in which a kubelet left its hint, else what plain `iptables` is.
 * Throws `IptablesMissingError` when there is none.
 */
export async function findPrograms(family: Family, variant: IptablesVariant | 'auto', run: RunOptions): Promise<Programs> {
  if (variant !== 'auto') return (await named(family, variant, run)) ?? missing(family, variant)
  const plain = await named(family, undefined, run)
  for (const candidate of ['nft', 'legacy'] as const) {
    const programs = plain?.variant === candidate ? plain : await named(family, candidate, run)
    if (programs !== undefined && (await hasHint(programs, run))) return programs
  }
  return plain ?? missing(family, 'nft or legacy')
}

function missing(family: Family, variant: string): never {
  const name = family === 4 ? 'iptables' : 'ip6tables'
  throw new IptablesMissingError(`no ${name} (${variant}) was found in PATH: install the package iptables`, { family, variant })
}

/** Programs by variant ("iptables-nft"), or the plain ones when `variant` is undefined or has no own names. */
async function named(family: Family, variant: IptablesVariant | undefined, run: RunOptions): Promise<Programs | undefined> {
  const base = family === 4 ? 'iptables' : 'ip6tables'
  const stem = variant === undefined ? base : `${base}-${variant}`
  const version = await versionOf(stem, run)
  if (version !== undefined) return { family, ...version, command: stem, restore: `${stem}-restore`, save: `${stem}-save` }
  if (variant === undefined) return undefined
  const plain = await named(family, undefined, run)
  return plain?.variant === variant ? plain : undefined
}

/** "iptables v1.8.9 (nf_tables)"; before 1.8 nothing in brackets, which is legacy. */
async function versionOf(command: string, run: RunOptions): Promise<{ version: string; variant: IptablesVariant } | undefined> {
  try {
    const { stdout } = await runProgram([command, '--version'], '', run)
    const match = /v(\d+\.\d+\.\d+)(?: \((\w+)\))?/.exec(stdout)
    if (match === null) return undefined
    return { version: match[1]!, variant: match[2] === 'nf_tables' ? 'nft' : 'legacy' }
  } catch (error) {
    if (isAbort(error, run.signal)) throw error
    if (error instanceof IptablesError) return undefined
    throw error
  }
}

/** Lists only tables that exist: naming one would make the kernel create it. */
async function hasHint(programs: Programs, run: RunOptions): Promise<boolean> {
  try {
    return HINT_CHAINS.test((await runProgram([programs.save], '', run)).stdout)
  } catch (error) {
    if (error instanceof IptablesError) return false
    throw error
  }
}

/** True when version text `version` is at least `wanted` ("1.6.2"). */
export function isAtLeast(version: string, wanted: string): boolean {
  const a = version.split('.').map(Number)
  const b = wanted.split('.').map(Number)
  for (let i = 0; i < b.length; i += 1) {
    if ((a[i] ?? 0) !== b[i]!) return (a[i] ?? 0) > b[i]!
  }
  return true
}

// Versions of the CNI specification: which Weft speaks, and when a verb was introduced.

import { CniError } from './cni-error.ts'

export const CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const
export type CniVersion = (typeof CNI_VERSIONS)[number]

export const CNI_VERBS = ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC'] as const
export type CniVerb = (typeof CNI_VERBS)[number]

const SINCE = { CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' } as const satisfies Partial<Record<CniVerb, CniVersion>>

/** A configuration without `cniVersion` means the first one (specification 0.1.0). */
export const DEFAULT_CNI_VERSION: CniVersion = '0.1.0'

export const isAtLeast = (version: CniVersion, least: CniVersion): boolean => CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(least)

/** Judges the configuration's version for this verb: unparsable 6 and too old 1 (newer verbs only), not spoken 1. */
export function checkVersion(text: string, verb: CniVerb): CniVersion {
  if (verb === 'CHECK' || verb === 'STATUS' || verb === 'GC') {
    const numbers = parse(text)
    if (numbers === undefined) throw new CniError('CNI_DECODING_FAILURE', `cniVersion ${JSON.stringify(text)} is not a version such as 1.0.0`)
    if (compare(numbers, parse(SINCE[verb])!) < 0) {
      throw new CniError('CNI_INCOMPATIBLE_VERSION', `config version ${JSON.stringify(text)} does not allow ${verb}`, `${verb} exists since ${SINCE[verb]}`)
    }
  }
  const spoken = CNI_VERSIONS.find(version => version === text)
  if (spoken === undefined) {
    const list = CNI_VERSIONS.map(version => JSON.stringify(version)).join(' ')
    throw new CniError('CNI_INCOMPATIBLE_VERSION', 'incompatible CNI versions', `config is ${JSON.stringify(text)}, plugin supports [${list}]`)
  }
  return spoken
}

/** "1", "1.0" and "1.0.0" are versions, as upstream's parser takes them. */
function parse(text: string): readonly number[] | undefined {
  const parts = text.split('.')
  return parts.length <= 3 && parts.every(part => /^\d+$/.test(part)) ? parts.map(Number) : undefined
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 3; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

// /version: which Kubernetes this server speaks.

import { packageVersion } from '../../ops/project.ts'

/** The Kubernetes version whose behaviour this server has. */
const MINOR = '36'

export type VersionInfo = Readonly<Record<string, string>>

export function versionInfo(): VersionInfo {
  return {
    major: '1', minor: MINOR, emulationMajor: '1', emulationMinor: MINOR, minCompatibilityMajor: '1', minCompatibilityMinor: String(Number(MINOR) - 1),
    gitVersion: `v1.${MINOR}.0+weft${packageVersion()}`, gitCommit: '', gitTreeState: '', buildDate: '1970-01-01T00:00:00Z',
    goVersion: '', compiler: `node${process.versions.node}`, platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  }
}

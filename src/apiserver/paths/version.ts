// /version: which Kubernetes this server speaks.

import { readFileSync } from 'node:fs'

/** The Kubernetes version whose behaviour this server has. */
const MINOR = '36'

export type VersionInfo = Readonly<Record<string, string>>

export function versionInfo(): VersionInfo {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
  return {
    major: '1', minor: MINOR, emulationMajor: '1', emulationMinor: MINOR, minCompatibilityMajor: '1', minCompatibilityMinor: String(Number(MINOR) - 1),
    gitVersion: `v1.${MINOR}.0+weft${manifest.version}`, gitCommit: '', gitTreeState: '', buildDate: '1970-01-01T00:00:00Z',
    goVersion: '', compiler: `node${process.versions.node}`, platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  }
}

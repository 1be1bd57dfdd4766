// Which kubectl this machine has: Debian 12 carries 1.20, newer releases much later ones, and tests suit them all.

import { execFileSync } from 'node:child_process'

/** Minor version of a kubectl: 20 for v1.20.2. */
export function kubectlMinor(program = 'kubectl'): number {
  const { clientVersion } = JSON.parse(execFileSync(program, ['version', '--client', '--output=json'], { encoding: 'utf8' })) as { clientVersion: { gitVersion: string } }
  return Number(/^v1\.(\d+)\./.exec(clientVersion.gitVersion)![1])
}

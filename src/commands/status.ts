// `weft status`: what of a cluster runs, and what its API server says.

import { Command } from 'commander'
import { parseClusterName } from '../cluster/cluster-name.ts'
import { clusterStatus } from '../cluster/status.ts'

export const command = (): Command =>
  new Command()
    .option('--name <name>', 'name of the cluster', 'local')
    .action(async (flags: Readonly<{ name: string }>) => {
      const { text, healthy } = await clusterStatus(parseClusterName(flags.name, '--name'), { signal: AbortSignal.timeout(30_000) })
      process.stdout.write(text)
      process.exitCode = healthy ? 0 : 1
    })

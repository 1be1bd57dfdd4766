// `weft down`: removes a cluster, whoever made it and however it ended.

import { Command } from 'commander'
import { parseClusterName } from '../cluster/cluster-name.ts'
import { takeClusterDown } from '../cluster/down.ts'

export const command = (): Command =>
  new Command()
    .option('--name <name>', 'name of the cluster', 'local')
    .action(async (flags: Readonly<{ name: string }>) => {
      const name = parseClusterName(flags.name, '--name')
      const found = await takeClusterDown(name)
      process.stdout.write(found ? `weft down: cluster ${name} removed; nothing of it is left\n` : `weft down: there is no cluster ${name}\n`)
    })

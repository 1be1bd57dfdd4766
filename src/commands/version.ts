// `weft version`

import { Command } from 'commander'
import { packageVersion } from '../ops/project.ts'

export const command = (): Command =>
  new Command().action(() => {
    process.stdout.write(`weft ${packageVersion()} (node ${process.versions.node})\n`)
  })

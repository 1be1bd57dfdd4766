// `weft version`

import { readFileSync } from 'node:fs'
import { Command } from 'commander'

export const command = (): Command =>
  new Command().action(() => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    process.stdout.write(`weft ${manifest.version} (node ${process.versions.node})\n`)
  })

// `weft renew`: gets this host new certificates before the old ones end. A systemd timer runs it every day.

import { Command } from 'commander'
import { HostFiles } from '../host/install/host-files.ts'
import { readSettings } from '../host/install/install-host.ts'
import { renewCredentials } from '../host/join/renew.ts'
import { systemClock } from '../ops/clock.ts'
import { WeftError } from '../ops/errors.ts'
import { requireRoot, say, systemOf } from './install.ts'

export const command = (): Command =>
  new Command()
    .option('--force', 'a worker: also when there is much time left', false)
    .option('--root <folder>', 'renew files below this folder and start nothing anew', '/')
    .action(async ({ force, root }: Readonly<{ force: boolean; root: string }>) => {
      requireRoot(root)
      const files = new HostFiles(root)
      const settings = await readSettings(files)
      if (settings === undefined) throw new WeftError('NOT_INSTALLED', 'Weft is not installed on this host: weft install, or weft join', {})
      const signal = new AbortController().signal
      const units = await renewCredentials({ files, settings, nowMs: systemClock.now(), force, signal })
      await systemOf(root).startAnew(units, { signal })
      say(units.length === 0 ? 'nothing to renew yet' : `renewed; started anew: ${units.join(', ')}`)
    })

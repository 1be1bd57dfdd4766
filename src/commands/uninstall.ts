// `weft uninstall`: leaves the host as it was.

import { Command } from 'commander'
import { HostFiles } from '../host/install/host-files.ts'
import { uninstallHost } from '../host/install/uninstall-host.ts'
import { requireRoot, say, systemOf } from './install.ts'

export const command = (): Command =>
  new Command()
    .option('--purge', 'also a control plane\'s objects and authority, which cannot be made again', false)
    .option('--root <folder>', 'remove files below this folder and touch nothing else', '/')
    .action(async ({ purge, root }: Readonly<{ purge: boolean; root: string }>) => {
      requireRoot(root)
      await uninstallHost({ files: new HostFiles(root), system: systemOf(root), purge, tell: say, signal: new AbortController().signal })
    })

// `weft run FILE …`: runs a TypeScript file of this checkout with the Node that the launcher found.
// The maintenance programs under test/ (peers, bench, chaos) start this way, so they need no Node of their own.

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'

export const command = (): Command =>
  new Command()
    .argument('<file>', 'a TypeScript file with a top-level program')
    .argument('[arguments...]', 'what the program finds in process.argv from index 2 on')
    .helpOption(false)
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (file: string, args: readonly string[]) => {
      const path = resolve(file)
      process.argv = [process.argv[0]!, path, ...args]
      await import(pathToFileURL(path).href)
    })

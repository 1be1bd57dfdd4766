// Where this program's own files are, whichever form of it runs: the sources, or the bundle that the launcher makes of
// them (runtime/bundle.sh), which flattens all folders into one.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { WeftError } from './errors.ts'

const BUNDLED = import.meta.filename.endsWith('.mjs')

/** Path of a file of the project, by its path from the project's folder. */
export const projectFile = (path: string): string => join(projectFolder(), path)

/** What Node.js runs to be `weft`: this program again. */
export const mainProgram = (): string => (BUNDLED ? join(import.meta.dirname, 'main.mjs') : projectFile('src/main.ts'))

/** The module behind a worker thread, by its path from src/. The bundle holds it under its name alone. */
export const workerProgram = (path: string): string =>
  BUNDLED ? join(import.meta.dirname, path.replace(/^.*\//, '').replace(/\.ts$/, '.mjs')) : projectFile(`src/${path}`)

/** Version of the package, as in package.json. */
export const packageVersion = (): string => manifestIn(projectFolder())!.version

type Manifest = Readonly<{ name: string; version: string }>

function projectFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (manifestIn(folder)?.name === 'weftnet') return folder
  }
  throw new WeftError('PROJECT_NOT_FOUND', `no package.json of weftnet lies in a folder above ${import.meta.dirname}: install Weft again`, { path: import.meta.dirname })
}

function manifestIn(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

// Reads the project's source files and their imports, as text.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export type Import = Readonly<{
  specifier: string
  line: number
  typeOnly: boolean
  /** Path of the imported file from the repository's root; undefined for packages and Node's own modules. */
  target: string | undefined
}>
export type SourceFile = Readonly<{ path: string; text: string; imports: readonly Import[] }>

const ROOT = join(import.meta.dirname, '..', '..')
const IMPORT = /^\s*(?:import|export)\s+(type\s)?[^'"`;]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

/** All TypeScript under `src/` and `cni/plugin/`, with paths from the repository's root. */
export function sourceFiles(): readonly SourceFile[] {
  return globSync(['src/**/*.ts', 'cni/plugin/**/*.ts'], { cwd: ROOT }).map(path => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    return { path, text, imports: importsOf(path, text) }
  })
}

function importsOf(path: string, text: string): readonly Import[] {
  return [...text.matchAll(IMPORT)].map(match => {
    const specifier = (match[2] ?? match[3] ?? match[4])!
    const lead = match[0].length - match[0].trimStart().length
    const line = text.slice(0, match.index + lead).split('\n').length
    const target = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : undefined
    return { specifier, line, typeOnly: match[1] !== undefined, target }
  })
}

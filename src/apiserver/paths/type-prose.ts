// Reads the prose of types from the kubernetes-types package, file by file when it is first asked for.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DeclarationFiles } from '../../api/openapi/descriptions.ts'

/** Files of the installed package; a type without one (younger than the package) has no prose. */
export function declarationFiles(): DeclarationFiles {
  const folder = dirname(fileURLToPath(import.meta.resolve('kubernetes-types/package.json')))
  return groupVersion => {
    const path = join(folder, `${groupVersion}.d.ts`)
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined
  }
}

// docs/errors.md lists every code that a runtime may see, with its number, and none that is gone.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CNI_ERROR_NUMBER } from '../../../cni/plugin/cni-error.ts'

test('every number of the CNI answers is documented with its code, and the other way round', t => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'errors.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `(CNI_\w+)` \| cni \((\d+)\) \|/gm)].map(match => [match[1]!, Number(match[2])] as const)
  t.deepEqual(Object.fromEntries(documented), { ...CNI_ERROR_NUMBER })
})

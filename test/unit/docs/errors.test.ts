// docs/errors.md and the codes in the source are the same list.

import test from 'ava'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sourceFiles } from '../../architecture/source-files.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
/** `new SomeError('CODE'` and a subclass's `super('CODE'`; an InputError's first word is a field, not a code. */
const RAISED = /(?:new (?!InputError\b)\w*Error|super)\(\s*'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g

test('every code that is raised is documented, and every documented code is raised', t => {
  const raised = new Set(sourceFiles().flatMap(file => [...file.text.matchAll(RAISED)].map(match => match[1]!)))
  const documented = [...readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8').matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(match => match[1]!)
  t.true(raised.size > 50)
  t.deepEqual([...raised].filter(code => !documented.includes(code)).sort(), [])
  t.deepEqual(documented.filter(code => !raised.has(code)).sort(), [])
  t.is(new Set(documented).size, documented.length)
})

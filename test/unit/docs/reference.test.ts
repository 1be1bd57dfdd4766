// docs/reference says what the program's own definitions say.

import test from 'ava'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BACKEND_FIELDS, NETWORK_FIELDS } from '../../../src/agent/config/fields.ts'
import { referencePages } from '../../../tools/reference/generate.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

test('every page is as the definitions have it; if not: weft run tools/reference/generate.ts', async t => {
  const pages = await referencePages()
  t.deepEqual(globSync('docs/reference/*.md', { cwd: ROOT }).sort(), [...pages.keys()].sort())
  for (const [path, text] of pages) t.is(readFileSync(join(ROOT, path), 'utf8'), text, path)
})

test('the reference of net-conf.json names every member that is read, and no other', t => {
  const read = new Set(globSync('src/agent/config/{network,backend}-config.ts', { cwd: ROOT }).flatMap(path =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/(?:(?:object|root)\.(?:string|integer|boolean|object|get)\(|commandOf\(object, |(?:network|length|min|max): )'([A-Z]\w+)'/g)].map(match => match[1]!)))
  const told = new Set([...NETWORK_FIELDS, ...Object.values(BACKEND_FIELDS).flat()].map(({ name }) => name).concat('Type'))
  t.deepEqual([...told].sort(), [...read].sort())
  t.true(read.size > 20)
})

// Links between pages lead somewhere, and every page can be reached.

import test from 'ava'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const pages = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: ROOT })]

/** Paths from the repository's root that a page links to; addresses and places within a page are left out. */
const linksOf = (page: string): readonly string[] =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(match => match[1]!)
    .filter(link => !/^[a-z]+:/.test(link))
    .map(link => normalize(join(dirname(page), link)))

test('every link leads to a file', t => {
  t.deepEqual(pages.flatMap(page => linksOf(page).filter(link => !existsSync(join(ROOT, link))).map(link => `${page}: ${link}`)), [])
})

test('docs/README.md leads to every page of a part', t => {
  const linked = new Set(linksOf('docs/README.md'))
  t.deepEqual(globSync('docs/*.md', { cwd: ROOT }).filter(page => page !== 'docs/README.md' && !linked.has(page)), [])
})

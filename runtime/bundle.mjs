// Makes one flat folder of modules out of the sources: `bundle.mjs OUTPUT-FOLDER`. Without it every start would strip the
// types of some hundred files and keep what that takes in memory (docs/decisions/bundle.md).
// Plain JavaScript: it runs before anything of ours can.

import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '..')
const [folder] = process.argv.slice(2)
const fresh = `${folder}.new`
rmSync(fresh, { recursive: true, force: true })
await build({
  absWorkingDir: ROOT,
  // What Node.js starts: the program, and worker threads (src/ops/project.ts finds them by name).
  entryPoints: ['src/main.ts', 'src/agent/backends/udp/udp-worker.ts'],
  entryNames: '[name]',
  outdir: fresh,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  // Errors show names of functions and classes; nothing is renamed for the sake of size.
  keepNames: true,
  // Native add-ons, and packages that read files beside their own.
  external: ['koffi', 'lmdb', 'netlink', 'etcd3', 'kubernetes-types', 'esbuild'],
  // CommonJS packages call require, which modules lack.
  banner: { js: 'import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);' },
  logLevel: 'error',
})
// Parts first, the program last: a start meanwhile finds the old program whole or the new one whole. Parts of the old one
// stay, because daemons that run may still load them; their names hold their hash.
mkdirSync(folder, { recursive: true })
const names = readdirSync(fresh)
for (const name of names.filter(name => name !== 'main.mjs')) renameSync(join(fresh, name), join(folder, name))
renameSync(join(fresh, 'main.mjs'), join(folder, 'main.mjs'))
rmSync(fresh, { recursive: true })

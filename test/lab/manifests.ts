// The manifests of deploy/, read for tests.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

export const MANIFEST = join(import.meta.dirname, '..', '..', 'deploy', 'weft.yml')

export type Manifest = Readonly<{ apiVersion: string; kind: string; metadata: Readonly<{ name: string; namespace?: string }> }> & Readonly<Record<string, any>>

export const readManifests = (text = readFileSync(MANIFEST, 'utf8')): readonly Manifest[] =>
  parseAllDocuments(text).map(document => document.toJS() as Manifest).filter(object => object !== null)

export function findManifest(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.find(object => object.kind === kind && object.metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}

/** The command line of a DaemonSet's container, with what the manifest puts into it. */
export const argumentsOf = (daemonSet: Manifest, env: Readonly<Record<string, string>>): readonly string[] =>
  (daemonSet['spec'].template.spec.containers[0].args as readonly string[]).map(word => word.replace(/\$\((\w+)\)/g, (_, name: string) => env[name] ?? ''))

// Finds the configuration the way client-go does: a file that was named, $KUBECONFIG (several files merged),
// the pod's service account, ~/.kube/config.

import { access, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { systemClock, type Clock } from '../../ops/clock.ts'
import { InputError } from '../../ops/errors.ts'
import { CredentialError } from '../errors.ts'
import type { ClientConfig } from './config.ts'
import { inClusterConfig, isInCluster } from './in-cluster.ts'
import { mergeKubeconfigs, resolveContext, type Kubeconfig } from './resolve.ts'

export type LoadOptions = Readonly<{
  /** `--kubeconfig`. Nothing else is looked at when given. */
  path?: string | undefined
  /** `--master`: replaces the server's URL. */
  master?: string | undefined
  /** Context to use instead of `current-context`. */
  context?: string | undefined
  env?: Readonly<Record<string, string | undefined>>
  clock?: Clock
}>

/** Throws InputError (names file and field) or CredentialError when nothing usable is found. */
export async function loadKubeconfig(options: LoadOptions = {}): Promise<ClientConfig> {
  const env = options.env ?? process.env
  const clock = options.clock ?? systemClock
  const files = await configFiles(options.path, env)
  if (files.length === 0) {
    if (isInCluster(env)) return inClusterConfig(env, clock)
    throw new CredentialError(
      'no API server is configured: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account',
      { field: 'kubeconfig' },
    )
  }
  const merged = mergeKubeconfigs(await Promise.all(files.map(readKubeconfig)))
  return resolveContext(merged, { context: options.context, master: options.master, origin: files.join(delimiter), clock })
}

/** The files to merge, in order of precedence; empty means "not by file". */
async function configFiles(path: string | undefined, env: LoadOptions['env'] & {}): Promise<readonly string[]> {
  if (path !== undefined && path !== '') return [path]
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter(entry => entry !== '')
  if (listed.length > 0) {
    const present = await Promise.all(listed.map(exists))
    return listed.filter((_, index) => present[index])
  }
  if (isInCluster(env)) return []
  const fallback = join(env['HOME'] ?? homedir(), '.kube', 'config')
  return (await exists(fallback)) ? [fallback] : []
}

const exists = (file: string): Promise<boolean> => access(file).then(() => true, () => false)

async function readKubeconfig(file: string): Promise<Kubeconfig> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new CredentialError(`cannot read the kubeconfig ${file}: create it or name another with --kubeconfig`, { field: 'kubeconfig', file }, { cause })
  }
  const document = parseDocument(text)
  const problem = document.errors[0]
  if (problem !== undefined) throw new InputError('kubeconfig', file, problem.message, { cause: problem })
  const content: unknown = document.toJS()
  if (content === null || content === undefined) return { file, directory: dirname(resolve(file)), content: {} }
  if (typeof content !== 'object' || Array.isArray(content)) throw new InputError('kubeconfig', file, 'is not a mapping with clusters, users and contexts')
  return { file, directory: dirname(resolve(file)), content: content as Kubeconfig['content'] }
}

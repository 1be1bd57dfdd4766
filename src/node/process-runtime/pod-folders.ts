// Where the process runtime keeps a pod: everything it knows is in files, so that it can be killed at any moment.
//
//   <root>/pods/<uid>/pod.json                        namespace and name
//                    /sandboxes/<id>/sandbox.json     addresses, network
//                                   /net /uts /ipc    mounted namespaces
//                    /containers/<name>.<attempt>/    container.json, pid, started/, stop, exit, log
//   <root>/wake/<uid>                                 touched by a shim whose container has ended

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NetworkConfig } from '../cni/network-config.ts'

export type PodRecord = Readonly<{ uid: string; namespace: string; name: string }>

export type SandboxRecord = Readonly<{
  id: string
  createdAt: number
  /** CNI_ARGS and capability values, as ADD was asked with. */
  args: readonly (readonly [string, string])[]
  capabilities: Readonly<Record<string, unknown>>
  /** What it is connected by, from before the first plugin is asked; undefined on the host's network. */
  network: NetworkConfig | undefined
  addresses: readonly string[]
  /** True once everything stands. */
  complete: boolean
}>

export type ContainerRecord = Readonly<{ id: string; name: string; attempt: number; sandboxId: string }>

export class PodFolders {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  get pods(): string {
    return join(this.#root, 'pods')
  }

  get wake(): string {
    return join(this.#root, 'wake')
  }

  get cniCache(): string {
    return join(this.#root, 'cni')
  }

  pod(uid: string): string {
    return join(this.pods, uid)
  }

  sandboxes(uid: string): string {
    return join(this.pod(uid), 'sandboxes')
  }

  sandbox(uid: string, id: string): string {
    return join(this.sandboxes(uid), id)
  }

  containers(uid: string): string {
    return join(this.pod(uid), 'containers')
  }

  container(uid: string, id: string): string {
    return join(this.containers(uid), id)
  }
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** A record, or undefined when it was never written. Records are replaced in one step, so they are never half. */
export async function readRecord<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

// Runs pods as processes of this machine, on its own file system, in network, mount, PID, host-name and IPC namespaces.
// It remembers nothing: every question is answered from files and from /proc.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { watch } from 'node:fs'
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from 'kubernetes-types/core/v1.js'
import type { Stored } from '../../client/objects.ts'
import type { Clock } from '../../ops/clock.ts'
import { WeftError } from '../../ops/errors.ts'
import { replaceFile } from '../../ops/replace-file.ts'
import type { CniNetwork } from '../cni/cni-network.ts'
import { networkRequestOf } from '../network-request.ts'
import type { ContainerStart, ContainerState, PodRuntime, RuntimeContainer, RuntimePod, RuntimeSandbox } from '../pod-runtime.ts'
import { namesIn, readRecord, type ContainerRecord, type PodFolders, type PodRecord, type SandboxRecord } from './pod-folders.ts'
import { containerInit, isAlive, readProcessId, signalProcess, startedBy } from './process-table.ts'
import { attachRequestOf, createSandbox, isolationOf, isStanding, removeSandbox } from './sandbox.ts'
import { startShim } from './shim.ts'

type Cancel = Readonly<{ signal: AbortSignal }>

export type ProcessRuntimeOptions = Readonly<{
  folders: PodFolders
  network: CniNetwork
  clock: Clock
  /** Told that a container of a pod has ended. */
  onChange: (uid: string) => void
}>

/** A shim that has not claimed its container after this long never will. */
const CLAIM_MS = 5_000

/** 128 + SIGKILL, as shells count. */
const KILLED = 137

/** Past runs of a container that are kept: what the back-off looks back on, and the last state that is reported. */
const KEPT_ATTEMPTS = 8

/** Output of a probe's command that is kept; kubelet shows 10 KiB. */
const EXEC_OUTPUT_CHARACTERS = 10_240

export class ProcessRuntime implements PodRuntime, AsyncDisposable {
  readonly #options: ProcessRuntimeOptions
  readonly #folders: PodFolders
  readonly #stopWatching: () => void

  private constructor(options: ProcessRuntimeOptions) {
    this.#options = options
    this.#folders = options.folders
    const watcher = watch(this.#folders.wake, (_event, uid) => {
      if (uid !== null) options.onChange(uid)
    })
    this.#stopWatching = () => watcher.close()
  }

  static async open(options: ProcessRuntimeOptions): Promise<ProcessRuntime> {
    for (const folder of [options.folders.pods, options.folders.wake]) await mkdir(folder, { recursive: true, mode: 0o700 })
    return new ProcessRuntime(options)
  }

  /** Stops looking; the pods go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWatching()
  }

  async list(): Promise<readonly string[]> {
    return namesIn(this.#folders.pods)
  }

  /** Asks the network about every pod that was found running; answers what it said of those that are not as they were made. */
  async checkNetworks({ signal }: Cancel): Promise<readonly Readonly<{ uid: string; error: unknown }>[]> {
    const wrong: { uid: string; error: unknown }[] = []
    for (const uid of await this.list()) {
      for (const id of await namesIn(this.#folders.sandboxes(uid))) {
        const folder = this.#folders.sandbox(uid, id)
        const record = await readRecord<SandboxRecord>(join(folder, 'sandbox.json'))
        if (record?.network === undefined || !isStanding(folder, record)) continue
        try {
          await this.#options.network.check(record.network, attachRequestOf(folder, record), { signal })
        } catch (error) {
          signal.throwIfAborted()
          // A pod that was removed meanwhile is not wrong.
          if (isStanding(folder, record)) wrong.push({ uid, error })
        }
      }
    }
    return wrong
  }

  async inspect(uid: string): Promise<RuntimePod | undefined> {
    const record = await readRecord<PodRecord>(join(this.#folders.pod(uid), 'pod.json'))
    if (record === undefined) return undefined
    const sandboxes = await Promise.all((await namesIn(this.#folders.sandboxes(uid))).map(id => this.#inspectSandbox(uid, id)))
    const containers = await Promise.all((await namesIn(this.#folders.containers(uid))).map(id => this.#inspectContainer(uid, id)))
    return {
      ...record,
      sandboxes: sandboxes.filter(sandbox => sandbox !== undefined).sort((a, b) => a.createdAt - b.createdAt),
      containers: containers.filter(container => container !== undefined).sort((a, b) => a.attempt - b.attempt),
    }
  }

  async createSandbox(pod: Stored<Pod>, { signal }: Cancel): Promise<void> {
    const { uid, namespace = '', name } = pod.metadata
    await replaceFile(join(this.#folders.pod(uid), 'pod.json'), JSON.stringify({ uid, namespace, name } satisfies PodRecord))
    const id = randomBytes(32).toString('hex')
    const { hostNetwork, hostName, args, capabilities } = networkRequestOf(pod, id)
    // Nothing is made that cannot be connected.
    const network = hostNetwork ? undefined : this.#options.network.config()
    const record: SandboxRecord = { id, createdAt: this.#options.clock.now(), args, capabilities, network, addresses: [], complete: false }
    await createSandbox({ folder: this.#folders.sandbox(uid, id), record, hostName, network: this.#options.network, signal })
  }

  async removeSandbox(uid: string, sandboxId: string, { signal }: Cancel): Promise<void> {
    const folder = this.#folders.sandbox(uid, sandboxId)
    const record = await readRecord<SandboxRecord>(join(folder, 'sandbox.json'))
    if (record === undefined) await rm(folder, { recursive: true, force: true })
    else await removeSandbox({ folder, record, network: this.#options.network, signal })
  }

  async startContainer(uid: string, start: ContainerStart): Promise<void> {
    const { name, attempt, sandboxId } = start
    const id = `${name}.${attempt}`
    const folder = this.#folders.container(uid, id)
    const sandboxFolder = this.#folders.sandbox(uid, sandboxId)
    const sandbox = await readRecord<SandboxRecord>(join(sandboxFolder, 'sandbox.json'))
    if (sandbox === undefined) throw new WeftError('SANDBOX_GONE', `the sandbox of container ${name} is gone; another is made`, { uid, sandboxId }, { retryable: true })
    await rm(folder, { recursive: true, force: true })
    await replaceFile(join(folder, 'container.json'), JSON.stringify({ id, name, attempt, sandboxId } satisfies ContainerRecord))
    try {
      await startShim({
        folder, wakeFile: join(this.#folders.wake, uid), isolation: isolationOf(sandboxFolder, sandbox),
        command: start.command, env: start.env, workingFolder: start.workingFolder,
        onExit: () => this.#options.onChange(uid),
      })
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
    await this.#awaitClaim(folder)
    await this.#prune(uid, name, attempt)
  }

  async signalContainer(uid: string, containerId: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const folder = this.#folders.container(uid, containerId)
    const shim = await readProcessId(join(folder, 'pid'))
    if (shim === undefined) return
    if ((await stopTime(folder)) === undefined) await replaceFile(join(folder, 'stop'), String(this.#options.clock.now()))
    const [unshare, init] = await startedBy(shim)
    // unshare passes no signals on, but a container that has not started yet ends with it.
    const target = init ?? unshare
    if (target !== undefined) signalProcess(target, signal)
  }

  async exec(uid: string, containerId: string, command: readonly string[], { signal, timeoutMs }: Cancel & Readonly<{ timeoutMs: number }>): ReturnType<PodRuntime['exec']> {
    const shim = await readProcessId(join(this.#folders.container(uid, containerId), 'pid'))
    const init = shim === undefined ? undefined : await containerInit(shim)
    if (init === undefined) return { exitCode: 1, output: 'the container is not running' }
    const environment = await readFile(`/proc/${init}/environ`, 'utf8').catch(() => '')
    const env = Object.fromEntries(environment.split('\0').filter(word => word.includes('=')).map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
    return runInside(init, command, { env, signal, timeoutMs })
  }

  async removePod(uid: string): Promise<void> {
    const left = await namesIn(this.#folders.sandboxes(uid))
    if (left.length > 0) throw new WeftError('POD_HAS_SANDBOXES', `pod ${uid} still has ${left.length} sandboxes; they are removed first`, { uid }, { retryable: true })
    await rm(this.#folders.pod(uid), { recursive: true, force: true })
    await rm(join(this.#folders.wake, uid), { force: true })
  }

  async #inspectSandbox(uid: string, id: string): Promise<RuntimeSandbox> {
    const folder = this.#folders.sandbox(uid, id)
    const record = await readRecord<SandboxRecord>(join(folder, 'sandbox.json'))
    // Killed between making the folder and writing the record: nothing stands yet.
    if (record === undefined) return { id, createdAt: 0, ready: false, addresses: [] }
    return { id, createdAt: record.createdAt, ready: isStanding(folder, record), addresses: record.addresses }
  }

  async #inspectContainer(uid: string, id: string): Promise<RuntimeContainer | undefined> {
    const folder = this.#folders.container(uid, id)
    const record = await readRecord<ContainerRecord>(join(folder, 'container.json'))
    if (record === undefined) return undefined
    return { ...record, state: await this.#stateOf(folder), stopRequestedAt: await stopTime(folder) }
  }

  async #stateOf(folder: string): Promise<ContainerState> {
    const ended = await exitOf(folder)
    if (ended !== undefined) return ended
    const shim = (await claim(folder)) ? undefined : await readProcessId(join(folder, 'pid'))
    if (shim !== undefined && (await isAlive(shim))) return { kind: 'running', startedAt: (await stat(join(folder, 'container.json'))).mtimeMs }
    // A shim may have written its last word between our two looks. One that could not is spoken for, once.
    if ((await exitOf(folder)) === undefined) await replaceFile(join(folder, 'exit'), `${KILLED} unknown`)
    return (await exitOf(folder))!
  }

  /** Waits until the shim has made the folder `started`; takes the container away from a shim that does not come. */
  async #awaitClaim(folder: string): Promise<void> {
    const end = this.#options.clock.monotonicMs() + CLAIM_MS
    while (!(await exists(join(folder, 'started')))) {
      if (this.#options.clock.monotonicMs() > end) {
        await claim(folder)
        throw new WeftError('CONTAINER_NOT_CLAIMED', `the shell that is to run ${folder} did not start within ${CLAIM_MS / 1000} s`, { folder }, { retryable: true })
      }
      await this.#options.clock.sleep(2, { signal: new AbortController().signal })
    }
  }

  async #prune(uid: string, name: string, attempt: number): Promise<void> {
    const old = `${name}.${attempt - KEPT_ATTEMPTS}`
    await rm(this.#folders.container(uid, old), { recursive: true, force: true })
  }
}

/** Makes the folder `started` before the shim does; true when the shim can therefore no longer start anything. */
async function claim(folder: string): Promise<boolean> {
  try {
    await mkdir(join(folder, 'started'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

/** The file holds the exit code, and "unknown" behind it when the shim itself was killed. */
async function exitOf(folder: string): Promise<ContainerState | undefined> {
  const path = join(folder, 'exit')
  try {
    const [code, unknown] = (await readFile(path, 'utf8')).trim().split(' ')
    const [startedAt, finishedAt] = [(await stat(join(folder, 'container.json'))).mtimeMs, (await stat(path)).mtimeMs]
    const reason = unknown !== undefined ? 'ContainerStatusUnknown' : code === '0' ? 'Completed' : 'Error'
    return { kind: 'exited', startedAt, finishedAt, exitCode: Number(code), reason }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function stopTime(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'stop'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Number(text)
}

/** Enters all namespaces of a process and runs a command there. */
async function runInside(pid: number, command: readonly string[], options: Cancel & Readonly<{ env: Record<string, string>; timeoutMs: number }>): ReturnType<PodRuntime['exec']> {
  const child = spawn('nsenter', [`--target=${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--', ...command], {
    env: options.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
  })
  let output = ''
  const collect = (chunk: string): void => {
    if (output.length < EXEC_OUTPUT_CHARACTERS) output += chunk
  }
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  let killed = false
  const kill = (): void => {
    killed = true
    // The whole group: nsenter waits for the command, which would live on without it.
    if (child.pid !== undefined) signalProcess(-child.pid, 'SIGKILL')
  }
  const timer = setTimeout(kill, options.timeoutMs)
  options.signal.addEventListener('abort', kill, { once: true })
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve(code))
    })
    options.signal.throwIfAborted()
    return { exitCode: killed ? undefined : (exitCode ?? KILLED), output }
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', kill)
  }
}

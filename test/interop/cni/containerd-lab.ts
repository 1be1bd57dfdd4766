// A real containerd inside a host of the lab, spoken to over its container runtime interface, with a sandbox image built here.

import { execFileSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { once } from 'node:events'
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { eventually } from '../../lab/eventually.ts'
import { findPeer } from '../../peers/cache.ts'
import type { CniLab } from '../../kernel/cni/cni-lab.ts'

export const CONTAINERD = findPeer('containerd-1.7/containerd')
export const RUNC = findPeer('runc-1.1')
/** Holds /pause and, where that peer is there, /bin/busybox. */
export const IMAGE = 'weft.test/pause:1'
const BUSYBOX = findPeer('busybox-1.35')

type Call = (method: string, request: unknown) => Promise<any>

export class ContainerdLab implements AsyncDisposable {
  readonly call: Call
  readonly #folder: string
  /** Of the socket on which it speaks CRI. */
  readonly address: string
  #process: ChildProcess
  readonly #start: () => ChildProcess
  readonly #client: { close(): void }

  private constructor(parts: Readonly<{ call: Call; folder: string; process: ChildProcess; start: () => ChildProcess; client: { close(): void } }>) {
    this.call = parts.call
    this.#folder = parts.folder
    this.address = join(parts.folder, 'c.sock')
    this.#process = parts.process
    this.#start = parts.start
    this.#client = parts.client
  }

  static async open(lab: CniLab): Promise<ContainerdLab> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-ctrd-'))
    const address = join(folder, 'c.sock')
    for (const name of ['root', 'state', 'logs']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'config.toml'), `
version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "${address}"
[ttrpc]
  address = "${folder}/t.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  disable_tcp_service = true
  stream_server_port = "0"
  disable_apparmor = true
  disable_hugetlb_controller = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${join(lab.folder, 'bin')}"
    conf_dir = "${join(lab.folder, 'conf')}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${RUNC}"
`)
    const environment = { ...process.env, PATH: `${dirname(CONTAINERD!)}:${process.env['PATH']}`, WEFT_CNI_SOCKET: lab.socketPath, WEFT_CNI_QUEUE: join(lab.folder, 'queue') }
    const start = (): ChildProcess => lab.host.spawn([CONTAINERD!, '--config', join(folder, 'config.toml'), '--log-level', 'warn'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
    const daemon = start()
    let said = ''
    daemon.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)))
    const definition = loadSync(join(import.meta.dirname, 'runtime.proto'), { keepCase: true, longs: Number })
    const { RuntimeService } = (loadPackageDefinition(definition) as any).runtime.v1
    const client = new RuntimeService(`unix:${address}`, credentials.createInsecure())
    const call: Call = (method, request) => new Promise((resolve, reject) => {
      client[method](request, { deadline: Date.now() + 60_000 }, (error: ServiceError | null, response: unknown) => (error === null ? resolve(response) : reject(error)))
    })
    await eventually(async () => (await call('Status', {})) && true, { timeoutMs: 60_000, intervalMs: 200 }).catch(error => {
      throw new Error(`containerd does not answer: ${said}`, { cause: error })
    })
    buildImage(folder)
    execFileSync(join(dirname(CONTAINERD!), 'ctr'), ['--address', address, '-n', 'k8s.io', 'images', 'import', '--snapshotter', 'native', join(folder, 'image.tar')], { stdio: 'pipe' })
    return new ContainerdLab({ call, folder, process: daemon, start, client })
  }

  /** RunPodSandbox; answers id and addresses. */
  async run(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<Readonly<{ id: string; ips: readonly string[] }>> {
    const { pod_sandbox_id: id } = await this.call('RunPodSandbox', {
      config: { metadata: { name, uid: `uid-${name}`, namespace: 'default', attempt: 0 }, hostname: name, log_directory: join(this.#folder, 'logs'), linux: { cgroup_parent: `/${this.#folder.split('/').at(-1)}` }, ...more },
    })
    const { status } = await this.call('PodSandboxStatus', { pod_sandbox_id: id })
    return { id, ips: [status.network.ip, ...status.network.additional_ips.map((each: { ip: string }) => each.ip)] }
  }

  async remove(id: string): Promise<void> {
    await this.call('StopPodSandbox', { pod_sandbox_id: id })
    await this.call('RemovePodSandbox', { pod_sandbox_id: id })
  }

  async networkReady(): Promise<boolean> {
    const { status } = await this.call('Status', {})
    return status.conditions.find((condition: { type: string }) => condition.type === 'NetworkReady')?.status === true
  }

  /** Ends the daemon the hard way and starts it again; sandboxes live on in their shims. */
  async restart(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
    this.#process = this.#start()
    await eventually(async () => (await this.call('Status', {})) && true, { timeoutMs: 60_000, intervalMs: 200 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close()
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
    execFileSync('bash', ['-c', `for m in $(awk '{print $2}' /proc/mounts | grep "^${this.#folder}/" | sort -r); do umount -l "$m"; done; rmdir /sys/fs/cgroup/*/${this.#folder.split('/').at(-1)} 2>/dev/null; true`])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** An OCI image layout with one layer. */
function buildImage(folder: string): void {
  const work = join(folder, 'image')
  mkdirSync(join(work, 'rootfs'), { recursive: true })
  mkdirSync(join(work, 'oci', 'blobs', 'sha256'), { recursive: true })
  execFileSync('gcc', ['-Os', '-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-o', join(work, 'rootfs', 'pause'), join(import.meta.dirname, 'pause.c')])
  if (BUSYBOX !== undefined) {
    mkdirSync(join(work, 'rootfs', 'bin'))
    copyFileSync(BUSYBOX, join(work, 'rootfs', 'bin', 'busybox'))
    chmodSync(join(work, 'rootfs', 'bin', 'busybox'), 0o755)
  }
  const layer = execFileSync('tar', ['-C', join(work, 'rootfs'), '--owner=0', '--group=0', '-cf', '-', '.'], { maxBuffer: 64 << 20 })
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(work, 'oci', 'blobs', 'sha256', hex), bytes)
    return { digest: `sha256:${hex}`, size: bytes.length }
  }
  const json = (value: unknown): { digest: string; size: number } => put(Buffer.from(JSON.stringify(value)))
  const layerBlob = put(layer)
  const platform = { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux' }
  const config = json({ ...platform, config: { Entrypoint: ['/pause'] }, rootfs: { type: 'layers', diff_ids: [layerBlob.digest] } })
  const manifest = json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config }, layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layerBlob }] })
  writeFileSync(join(work, 'oci', 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(work, 'oci', 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, platform, annotations: { 'io.containerd.image.name': IMAGE, 'org.opencontainers.image.ref.name': '1' } }] }))
  execFileSync('tar', ['-C', join(work, 'oci'), '-cf', join(folder, 'image.tar'), '.'])
}

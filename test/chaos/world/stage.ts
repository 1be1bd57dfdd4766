// Where a run plays: mounts of its own, a small disk under the cluster's folder, and a wrapper around every daemon's start
// that gives it a clock we can step and, when the store is etcd, an etcd beside the API server.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseClusterName, type ClusterName } from '../../../src/cluster/cluster-name.ts'
import { CLUSTERS_FOLDER } from '../../../src/cluster/cluster-paths.ts'
import { tearDown } from '../../../src/cluster/teardown.ts'
import { freshClusterName } from '../../lab/local-cluster.ts'

const INSIDE = 'WEFT_CHAOS_INSIDE'
/** Small enough to be full within a second, large enough for the store, logs and attachments of a run. */
const DISK_BYTES = 256 << 20

/**
 * The name of the cluster when we run with mounts of our own. Else runs this program again with some, removes what is left of its
 * cluster however it ended, and answers the exit code.
 */
export async function enterOwnMounts(): Promise<Readonly<{ cluster: ClusterName }> | Readonly<{ code: number }>> {
  const inside = process.env[INSIDE]
  if (inside !== undefined) return { cluster: parseClusterName(inside, INSIDE) }
  const cluster = freshClusterName()
  const child = spawn('unshare', ['--mount', '--propagation', 'private', process.execPath, ...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit', env: { ...process.env, [INSIDE]: cluster } })
  // Whoever ends us ends it, and waits until nothing is left.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const [code] = (await once(child, 'exit')) as [number | null]
  await tearDown(cluster)
  return { code: code ?? 1 }
}

export class Stage implements Disposable {
  /** Put in front of PATH, so that our wrapper starts the daemons. */
  readonly programs: string
  readonly #folder: string

  static open(options: Readonly<{ etcd: string | undefined }>): Stage {
    mkdirSync(CLUSTERS_FOLDER, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=700`, 'weft-chaos', CLUSTERS_FOLDER])
    return new Stage(mkdtempSync(join(tmpdir(), 'weft-chaos-')), options.etcd)
  }

  private constructor(folder: string, etcd: string | undefined) {
    this.#folder = folder
    this.programs = join(folder, 'bin')
    for (const name of ['bin', 'clocks', 'etcd']) mkdirSync(join(folder, name))
    const library = join(folder, 'step-clock.so')
    execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, '..', 'clock', 'step-clock.c'), '-ldl'])
    const real = execFileSync('sh', ['-c', 'command -v nsenter'], { encoding: 'utf8' }).trim()
    const script = (name: string, text: string): void => {
      writeFileSync(join(this.programs, name), `#!/bin/sh\n${text}`)
      chmodSync(join(this.programs, name), 0o755)
    }
    script('start-etcd', `
setsid ${real} "$1" -- ${etcd ?? 'false'} --data-dir ${folder}/etcd/data --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \\
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380 >>${folder}/etcd/log 2>&1 &
echo $! >${folder}/etcd/pid
`)
    script('nsenter', `
for word in "$@"; do
  case $word in
    --net=*) net=$word ;;
    */main.ts | */main.mjs) daemon=yes ;;
    apiserver) apiserver=yes ;;
  esac
done
[ "\${daemon-}" ] || exec ${real} "$@"
clock=${folder}/clocks/\${net##*/}
[ -e "$clock" ] || head -c 8 /dev/zero >"$clock"
export LD_PRELOAD=${library} WEFT_CHAOS_CLOCK=$clock
${etcd === undefined ? '' : `if [ "\${apiserver-}" ]; then
  [ -e ${folder}/etcd/pid ] || env -u LD_PRELOAD ${this.programs}/start-etcd "$net"
  set -- "$@" --etcd-servers=http://127.0.0.1:2379
fi`}
exec ${real} "$@"
`)
  }

  /** From now on the daemons of the host with this namespace believe it is later than it is by so much. */
  stepClock(netns: string, bySeconds: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(bySeconds))
    writeFileSync(join(this.#folder, 'clocks', basename(netns)), bytes, { flag: 'r+' })
  }

  get etcdPid(): number {
    return Number(readFileSync(join(this.#folder, 'etcd', 'pid'), 'utf8'))
  }

  startEtcd(netns: string): void {
    execFileSync(join(this.programs, 'start-etcd'), [`--net=${netns}`], { stdio: 'ignore' })
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
    execFileSync('umount', ['-l', CLUSTERS_FOLDER])
  }
}

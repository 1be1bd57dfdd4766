// A small virtual machine under plain emulation: boots, runs one command with this machine's programs and its own kernel, and
// is gone. It has no network and can write nowhere but in its memory.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findPeer, missingPeer, ROOT } from '../peers/cache.ts'
import { run } from '../peers/run.ts'
import { findKernel, KERNEL_PEER } from './guest-kernel.ts'
import { writeInitramfs } from './initramfs.ts'

const EMULATOR = '/usr/bin/qemu-system-x86_64'
const BUSYBOX = 'busybox-1.35'

export type MachineRun = Readonly<{
  /** Text for sh, run as root. */
  command: string
  memoryMiB?: number
  timeoutMs: number
  onLine: (line: string) => void
  signal: AbortSignal
}>

/** Why no machine can be had here, in a sentence that says what to do; undefined when one can. */
export function whyNoMachine(): string | undefined {
  if (process.arch !== 'x64') return `skipped: the virtual machine is an x86-64 one and this is ${process.arch}`
  if (!existsSync(EMULATOR)) return `skipped: ${EMULATOR} is missing; "apt-get install qemu-system-x86" brings it`
  const missing = [KERNEL_PEER, BUSYBOX].find(peer => findPeer(peer) === undefined)
  return missing === undefined ? undefined : missingPeer(missing)
}

/** Answers the command's exit code; undefined when the machine ended, or ran out of time, before the command did. */
export async function runInMachine({ command, memoryMiB = 3072, timeoutMs, onLine, signal }: MachineRun): Promise<number | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-vm-'))
  try {
    const initramfs = join(folder, 'initramfs')
    const kernel = findKernel()!
    const bundle = join(folder, 'bundle')
    await run(process.execPath, [join(ROOT, 'runtime', 'bundle.mjs'), bundle], { timeoutMs: 60_000 })
    writeInitramfs(initramfs, { kernel, busybox: findPeer(BUSYBOX)!, bundle, command })
    const child = spawn(EMULATOR, [
      '-machine', 'q35', '-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max', '-smp', '2', '-m', String(memoryMiB),
      '-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-nic', 'none',
      '-kernel', kernel.image, '-initrd', initramfs, '-append', 'console=ttyS0 quiet panic=-1 mitigations=off',
      '-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap', '-device', 'virtio-9p-pci,fsdev=root,mount_tag=root',
      '-device', 'virtio-rng-pci',
    ], { stdio: ['ignore', 'pipe', 'pipe'], signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), killSignal: 'SIGKILL' })
    child.on('error', err => void (err.name === 'AbortError' || onLine(`cannot run ${EMULATOR}: ${err.message}`)))
    let code: number | undefined
    const follow = (line: string): void => {
      const text = line.replaceAll('\r', '')
      const [, exit] = /^weft-vm: exit (\d+)$/.exec(text) ?? []
      if (exit === undefined) onLine(text)
      else code = Number(exit)
    }
    createInterface({ input: child.stdout }).on('line', follow)
    createInterface({ input: child.stderr }).on('line', follow)
    await new Promise(resolve => child.once('close', resolve))
    return code
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

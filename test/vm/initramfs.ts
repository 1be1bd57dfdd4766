// The first root of a virtual machine: busybox, the modules that reach the machine's own root, the command to run, and copies
// in memory of what Node reads.

import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ROOT } from '../peers/cache.ts'
import { CpioArchive } from './cpio.ts'
import { modulesWithNeeds, type GuestKernel } from './guest-kernel.ts'

const BOOT_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay']
const APPLETS = ['sh', 'mount', 'mkdir', 'modprobe', 'uname', 'cp', 'chroot', 'poweroff', 'ip', 'echo']

/** Packages that only checks and builds need, a hundred megabytes of them. */
const NOT_RUN: ReadonlySet<string> = new Set(['@kubernetes', '@typescript', 'typescript', '@types', 'esbuild', '@esbuild', '.cache'])

/** Where the bundle lies in the virtual machine: inside the checkout, so that it finds the packages it leaves out. */
export const BUNDLE = join(ROOT, '.cache', 'vm-bundle')

/** `bundle` is the folder that runtime/bundle.mjs has filled. */
export type InitramfsContent = Readonly<{ kernel: GuestKernel; busybox: string; bundle: string; command: string }>

export function writeInitramfs(path: string, { kernel, busybox, bundle, command }: InitramfsContent): void {
  using archive = CpioArchive.create(path)
  for (const folder of ['/proc', '/sys', '/dev', '/machine', '/layer', '/guest']) archive.folder(folder)
  archive.file('/bin/busybox', readFileSync(busybox), { executable: true })
  for (const applet of APPLETS) archive.symlink(join('/bin', applet), 'busybox')
  // The kernel calls it by this name when it wants a module (kernel.modprobe).
  archive.symlink('/sbin/modprobe', '/bin/busybox')
  const modules = join('/lib/modules', kernel.release)
  for (const list of ['modules.dep', 'modules.alias', 'modules.symbols']) archive.file(join(modules, list), readFileSync(join(kernel.modules, list)))
  for (const module of modulesWithNeeds(kernel, BOOT_MODULES)) archive.file(join(modules, module), readFileSync(join(kernel.modules, module)))

  const packages = realpathSync(join(ROOT, 'node_modules'))
  archive.copy(ROOT, file => !['.git', '.cache', '.peers', 'node_modules'].includes(basename(file)))
  archive.copy(packages, file => !(dirname(file) === packages && NOT_RUN.has(basename(file))))
  if (packages !== join(ROOT, 'node_modules')) archive.symlink(join(ROOT, 'node_modules'), packages)
  for (const name of readdirSync(bundle)) archive.file(join(BUNDLE, name), readFileSync(join(bundle, name)))
  archive.copy(process.execPath)
  archive.file('/weft/kept-in-memory', [ROOT, ...(packages.startsWith(`${ROOT}/`) ? [] : [packages]), process.execPath].map(kept => `${kept}\n`).join(''))
  archive.file('/weft/command', command)
  archive.file('/init', readFileSync(join(import.meta.dirname, 'guest', 'init.sh'), 'utf8').replaceAll('$MODULES', kernel.modules), { executable: true })
  archive.finish()
}

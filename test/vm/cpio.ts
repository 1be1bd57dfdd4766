// An initramfs archive in the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst): one header of hex
// numbers per file, then its name and its bytes, each padded to four.

import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'

const S_IFDIR = 0o040000
const S_IFREG = 0o100000
const S_IFLNK = 0o120000

export class CpioArchive implements Disposable {
  readonly #fd: number
  readonly #folders = new Set<string>(['/'])
  #inode = 0

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Starts the file anew. `finish` ends the archive, disposing closes the file. */
  static create(path: string): CpioArchive {
    return new CpioArchive(openSync(path, 'w'))
  }

  folder(path: string): void {
    if (this.#folders.has(path)) return
    this.folder(dirname(path))
    this.#folders.add(path)
    this.#entry(path, { mode: S_IFDIR | 0o755, content: Buffer.alloc(0) })
  }

  file(path: string, content: Buffer | string, options: Readonly<{ executable?: boolean }> = {}): void {
    this.folder(dirname(path))
    this.#entry(path, { mode: S_IFREG | (options.executable === true ? 0o755 : 0o644), content: Buffer.from(content) })
  }

  symlink(path: string, target: string): void {
    this.folder(dirname(path))
    this.#entry(path, { mode: S_IFLNK | 0o777, content: Buffer.from(target) })
  }

  /** A file of this machine, or a folder with all in it for which `wanted` says yes, under the path it has here. */
  copy(path: string, wanted: (path: string) => boolean = () => true): void {
    const info: Stats = lstatSync(path)
    if (info.isSymbolicLink()) this.symlink(path, readlinkSync(path))
    else if (info.isFile()) this.file(path, readFileSync(path), { executable: (info.mode & 0o111) !== 0 })
    else if (info.isDirectory()) {
      this.folder(path)
      for (const name of readdirSync(path)) if (wanted(join(path, name))) this.copy(join(path, name), wanted)
    }
  }

  finish(): void {
    this.#entry('TRAILER!!!', { mode: 0, content: Buffer.alloc(0) })
  }

  #entry(path: string, { mode, content }: Readonly<{ mode: number; content: Buffer }>): void {
    const name = Buffer.from(`${path.replace(/^\//, '')}\0`)
    const numbers = [(this.#inode += 1), mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0]
    const header = Buffer.from(`070701${numbers.map(number => number.toString(16).padStart(8, '0')).join('')}`)
    const pad = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4)
    writeSync(this.#fd, Buffer.concat([header, name, pad(header.length + name.length)]))
    for (let written = 0; written < content.length; ) written += writeSync(this.#fd, content, written)
    writeSync(this.#fd, pad(content.length))
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

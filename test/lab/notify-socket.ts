// systemd's end of sd_notify(3): a unix datagram socket that keeps what it was told.

import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import koffi from 'koffi'
import { openSocket } from '../../src/net/libc/libc.ts'

const libc = koffi.load(null)
const bind = libc.func('int bind(int fd, uint8_t *address, uint32_t length)')
const recv = libc.func('intptr_t recv(int fd, uint8_t *bytes, size_t length, int flags)')

/** sys/socket.h */
const AF_UNIX = 1
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000

export class NotifySocket implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'weft-notify-'))
  readonly #fd = openSocket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0)
  readonly #told: string[] = []

  constructor() {
    const name = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(this.path), Buffer.from([0])])
    if (bind(this.#fd, name, name.length) !== 0) throw new Error(`bind: errno ${koffi.errno()}`)
  }

  get path(): string {
    return join(this.#folder, 'notify')
  }

  /** First lines of everything told so far. */
  get told(): readonly string[] {
    const bytes = Buffer.alloc(4096)
    for (let length = Number(recv(this.#fd, bytes, bytes.length, 0)); length > 0; length = Number(recv(this.#fd, bytes, bytes.length, 0))) {
      this.#told.push(bytes.toString('utf8', 0, length).split('\n')[0]!)
    }
    return [...this.#told]
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

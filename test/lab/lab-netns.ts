// One namespace of the lab: what it is called, its rtnetlink, and everything that a test does inside it.

import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { parseAddress } from '../../src/net/ip/address.ts'
import { netnsIdentity, type NetnsIdentity } from '../../src/net/netns/identity.ts'
import { createNetns, removeNetns } from '../../src/net/netns/named-netns.ts'
import { openRtnl, type Rtnl } from '../../src/net/rtnetlink/rtnl.ts'
import { writeSysctls } from '../../src/net/sysctl/sysctl.ts'
import { askUdp, getHttp, openTcp, type Connection, type Destination } from './client.ts'
import { openEchoServer, type EchoProtocol, type EchoServer } from './echo-server.ts'
import { ping } from './ping.ts'
import { endProcessesIn, runInNetns, spawnInNetns, type Finished } from './processes.ts'
import { parseReply, type Reply } from './reply.ts'

/** Nothing in a lab waits for duplicate address detection, and nobody asks IPv6 routers for anything. */
const QUIET_IPV6 = {
  'net/ipv6/conf/default/accept_dad': '0',
  'net/ipv6/conf/default/dad_transmits': '0',
  'net/ipv6/conf/default/accept_ra': '0',
  'net/ipv6/conf/all/accept_dad': '0',
}

const never = new AbortController().signal

export class LabNetns implements AsyncDisposable {
  /** "host-1", "pod-a": how the test calls it, and what its echo servers answer. */
  readonly name: string
  /** Path of the namespace; its last part is what `ip -n` takes. */
  readonly netns: string
  readonly identity: NetnsIdentity
  readonly rtnl: Rtnl
  readonly #held = new AsyncDisposableStack()

  protected constructor(name: string, netns: string) {
    this.name = name
    this.netns = netns
    this.identity = netnsIdentity(netns)
    this.rtnl = openRtnl({ netns })
    this.#held.defer(() => removeNetns(netns))
    this.#held.use(this.rtnl)
    this.#held.defer(() => endProcessesIn([this.identity]))
  }

  static async open(name: string, netns: string): Promise<LabNetns> {
    createNetns(netns)
    const made = new this(name, netns)
    made.sysctl(QUIET_IPV6)
    await made.rtnl.links.change('lo', { up: true }, { signal: never })
    return made
  }

  /** Disposed of, in reverse order, with the namespace. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    return this.#held.use(resource)
  }

  /** Runs a program inside to its end; rejects on a non-zero exit code unless `check` is false. */
  exec(command: readonly string[], options?: Parameters<typeof runInNetns>[2]): Promise<Finished> {
    return runInNetns(this.netns, command, options)
  }

  /** Starts a program inside; it is killed with the namespace. */
  spawn(command: readonly string[], options?: SpawnOptions): ChildProcess {
    return spawnInNetns(this.netns, command, options)
  }

  sysctl(settings: Readonly<Record<string, string>>): void {
    writeSysctls(settings, { netns: this.netns })
  }

  /** Starts an echo server (port 0 or absent: a free one) that lives as long as the namespace unless disposed of before. */
  async echo(options: Readonly<{ protocol?: EchoProtocol; port?: number; name?: string; family?: 4 | 6 }> = {}): Promise<EchoServer> {
    const { protocol = 'tcp', port = 0, name = this.name, family = 4 } = options
    const server = await openEchoServer({ netns: this.netns, name, protocol, port, family })
    let open = true
    return this.use({
      protocol, port: server.port,
      [Symbol.asyncDispose]: async () => {
        if (open) await server[Symbol.asyncDispose]()
        open = false
      },
    })
  }

  /** Connects, reads the greeting, closes: who answered, and whom it saw asking. */
  async tcp(address: string, port: number, options: Partial<Destination> = {}): Promise<Reply> {
    await using connection = await openTcp(this.netns, { address, port, ...options })
    return connection.greeting
  }

  /** Like `tcp`, but the connection stays open until disposed of. */
  openTcp(address: string, port: number, options: Partial<Destination> = {}): Promise<Connection> {
    return openTcp(this.netns, { address, port, ...options })
  }

  udp(address: string, port: number, options: Partial<Destination> = {}): Promise<Reply> {
    return askUdp(this.netns, { address, port, ...options })
  }

  async http(address: string, port: number, options: Partial<Destination> & Readonly<{ path?: string }> = {}): Promise<Reply> {
    const { body } = await getHttp(this.netns, { address, port, ...options }, options.path)
    return parseReply(body)
  }

  /** Status and body of any HTTP server, not only the lab's. */
  get(address: string, port: number, path = '/', options: Partial<Destination> = {}): ReturnType<typeof getHttp> {
    return getHttp(this.netns, { address, port, ...options }, path)
  }

  /** One echo request: true when it was answered. `payloadBytes` is sent with DF set. */
  ping(address: string, options?: Readonly<{ payloadBytes?: number; timeoutMs?: number }>): Promise<boolean> {
    return ping(this.netns, address, options)
  }

  /** Adds addresses such as "10.0.0.1/24", usable at once. */
  async addAddresses(link: string, ...texts: readonly string[]): Promise<void> {
    const { index: linkIndex } = (await this.rtnl.links.get(link, { signal: never }))!
    for (const text of texts) {
      const [address, length] = text.split('/')
      await this.rtnl.addresses.add({ linkIndex, address: parseAddress(address!, 'address'), prefixLength: Number(length), noDad: true }, { signal: never })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held[Symbol.asyncDispose]()
  }
}

// extension: the operator's own commands are told of every peer that comes and goes. A command that failed is run again with the
// next pass; flannel only logs it.

import { formatAddress } from '../../../net/ip/address.ts'
import { formatPrefix } from '../../../net/ip/prefix.ts'
import type { Prefix } from '../../../net/ip/prefix.ts'
import { isAbort } from '../../../ops/errors.ts'
import type { Logger } from '../../../ops/log.ts'
import type { ExtensionConfig } from '../../config/backend-config.ts'
import type { Lease } from '../../leases/lease.ts'
import type { PerFamily } from '../../leases/per-family.ts'
import type { Underlay } from '../../underlay/underlay.ts'
import type { Carrier } from '../carrier.ts'
import { runCommand } from './run-command.ts'

export type ExtensionCarrierOptions = Readonly<{ config: ExtensionConfig; networks: PerFamily<Prefix>; subnets: PerFamily<Prefix>; log: Logger }>

type Told = Readonly<{ variables: Readonly<Record<string, string>>; data: string }>

export class ExtensionCarrier implements Carrier {
  readonly linkName = undefined
  readonly #options: ExtensionCarrierOptions
  readonly #told = new Map<string, Told>()
  #started = false

  constructor(options: ExtensionCarrierOptions) {
    this.#options = options
  }

  async ensure(underlay: Underlay, peers: readonly Lease[], { signal }: { signal: AbortSignal }): Promise<void> {
    const { config, log } = this.#options
    if (!this.#started) await this.#run(config.postStartup, { variables: this.#hostVariables(underlay), data: '' }, signal)
    this.#started = true
    const wanted = new Map(peers.filter(peer => peer.attributes.backendType === 'extension' && peer.subnets[4] !== undefined).map(peer => [peer.owner, toldOf(peer)]))
    let failure: unknown
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work()
      } catch (err) {
        if (isAbort(err, signal)) throw err
        failure = err
        log.error({ err }, 'an extension command failed and will be run again')
      }
    }
    for (const [owner, told] of [...this.#told]) {
      if (same(told, wanted.get(owner))) continue
      await attempt(async () => {
        await this.#run(config.subnetRemove, told, signal)
        this.#told.delete(owner)
      })
    }
    for (const [owner, told] of wanted) {
      if (this.#told.has(owner)) continue
      await attempt(async () => {
        await this.#run(config.subnetAdd, told, signal)
        this.#told.set(owner, told)
      })
    }
    if (failure !== undefined) throw failure
  }

  #hostVariables({ published }: Underlay): Readonly<Record<string, string>> {
    const { networks, subnets } = this.#options
    const prefix = (value: Prefix | undefined): string => (value === undefined ? '' : formatPrefix(value))
    return {
      NETWORK: prefix(networks[4]), SUBNET: prefix(subnets[4]), IPV6SUBNET: prefix(subnets[6]),
      PUBLIC_IP: published[4] === undefined ? '' : formatAddress(published[4]), PUBLIC_IPV6: published[6] === undefined ? '' : formatAddress(published[6]),
    }
  }

  async #run(command: readonly string[], { variables, data }: Told, signal: AbortSignal): Promise<void> {
    if (command.length === 0) return
    const said = await runCommand({ command, variables, input: data, signal })
    this.#options.log.info({ command: command[0], subnet: variables['SUBNET'], said: said.slice(0, 500) }, 'ran an extension command')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What the commands built stays, as the data plane of every backend does.
  }
}

function toldOf(peer: Lease): Told {
  const data = peer.attributes.backendData[4]
  const publicIp = peer.attributes.publicIps[4]
  return {
    variables: { SUBNET: formatPrefix(peer.subnets[4]!), PUBLIC_IP: publicIp === undefined ? '' : formatAddress(publicIp) },
    data: typeof data === 'string' ? data : data === undefined ? '' : JSON.stringify(data),
  }
}

const same = (a: Told, b: Told | undefined): boolean => b !== undefined && JSON.stringify(a) === JSON.stringify(b)

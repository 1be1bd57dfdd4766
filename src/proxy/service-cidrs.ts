// The ranges that cluster IPs come from, as the API server's ServiceCIDR objects say. Only the nftables mode asks: what is
// sent to an address in them that no Service has is dropped instead of wandering off by the default route.

import { startInformer } from '../client/informer/informer.ts'
import type { ApiClient } from '../client/api-client.ts'
import { SERVICE_CIDRS, type ServiceCidr } from '../client/resources.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/log.ts'
import type { Family } from '../net/ip/address.ts'
import { formatPrefix, parsePrefix, type Prefix } from '../net/ip/prefix.ts'

export type ServiceCidrsOptions = Readonly<{ client: ApiClient; clock: Clock; log: Logger; signal: AbortSignal }>

export class ServiceCidrs {
  readonly #byObject = new Map<string, readonly Prefix[]>()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  /** The known ranges of one family, in a stable order and each once. */
  of(family: Family): readonly Prefix[] {
    const ranges = new Map([...this.#byObject.values()].flat().filter(range => range.family === family).map(range => [formatPrefix(range), range]))
    return [...ranges].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, range]) => range)
  }

  /** Follows the API server until `signal` aborts; `onChange` is told that `of` answers differently. */
  follow(onChange: () => void, { client, clock, log, signal }: ServiceCidrsOptions): void {
    startInformer({ client, resource: SERVICE_CIDRS, log, clock, signal }).onChange(change => {
      const { name } = change.object.metadata
      if (change.type === 'deleted') this.#byObject.delete(name)
      else this.#byObject.set(name, this.#read(name, change.object))
      onChange()
    })
  }

  #read(name: string, object: ServiceCidr): readonly Prefix[] {
    return (object.spec?.cidrs ?? []).flatMap(text => {
      try {
        return [parsePrefix(text, 'spec.cidrs')]
      } catch (err) {
        this.#log.warn({ err, name }, 'a service CIDR is ignored')
        return []
      }
    })
  }
}

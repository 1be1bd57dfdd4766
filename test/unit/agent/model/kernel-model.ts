// A kernel of plain arrays that takes the planner's steps, with the rules that matter to a planner: a link's removal
// takes everything on it along, a route replaces the first of equal destination and metric, a MAC may
// have several remotes.

import { networkAddress, samePrefix } from '../../../../src/net/ip/prefix.ts'
import { sameAddress } from '../../../../src/net/ip/address.ts'
import { RTPROT_WEFT } from '../../../../src/agent/dataplane/routes-plan.ts'
import type { DesiredLink } from '../../../../src/agent/dataplane/desired.ts'
import type { ObservedAddress, ObservedFdbEntry, ObservedLink, ObservedNeighbour, ObservedRoute, ObservedState, ObservedWireguard } from '../../../../src/agent/dataplane/observed.ts'
import type { Step } from '../../../../src/agent/dataplane/step.ts'

export class KernelModel {
  links: ObservedLink[]
  addresses: ObservedAddress[] = []
  routes: ObservedRoute[] = []
  neighbours: ObservedNeighbour[] = []
  fdb: ObservedFdbEntry[] = []
  wireguard: ObservedWireguard[] = []
  sysctls = new Map<string, string>()
  #nextIndex = 10

  constructor(underlay: string) {
    this.links = [{ ifindex: 2, name: underlay, kind: 'veth', up: true, mtu: 1500, mac: undefined, loopback: false, txChecksum: true, vxlan: undefined, ipip: undefined }]
  }

  observed(): ObservedState {
    return { links: [...this.links], addresses: [...this.addresses], routes: [...this.routes], neighbours: [...this.neighbours], fdb: [...this.fdb], wireguard: [...this.wireguard], sysctls: new Map(this.sysctls) }
  }

  removeLink(ifindex: number): void {
    const name = this.links.find(link => link.ifindex === ifindex)?.name
    this.wireguard = this.wireguard.filter(({ link }) => link !== name)
    const other = (thing: Readonly<{ ifindex: number }>): boolean => thing.ifindex !== ifindex
    this.links = this.links.filter(other)
    this.addresses = this.addresses.filter(other)
    this.routes = this.routes.filter(other)
    this.neighbours = this.neighbours.filter(other)
    this.fdb = this.fdb.filter(other)
  }

  apply({ action }: Step): void {
    switch (action.op) {
      case 'remove-link': return this.removeLink(action.ifindex)
      case 'create-link': return this.#create(action.link)
      case 'configure-link':
        this.links = this.links.map(link => link.name !== action.link.name ? link : { ...link, mtu: action.link.mtu, mac: action.link.mac, up: true, txChecksum: action.set.txChecksum ?? link.txChecksum })
        return
      case 'add-address':
        this.addresses.push({ ifindex: this.#index(action.link), value: action.value, scope: 'global', deprecated: false, temporary: false, permanent: true })
        return
      case 'remove-address':
        this.addresses = this.addresses.filter(({ ifindex, value }) => ifindex !== this.#index(action.link) || !sameAddress(value.address, action.value.address))
        return
      case 'set-sysctl':
        this.sysctls.set(action.sysctl.name, action.sysctl.value)
        return
      case 'put-neighbour': {
        const { link, address, mac } = action.neighbour
        const ifindex = this.#index(link)
        this.neighbours = [...this.neighbours.filter(other => other.ifindex !== ifindex || !sameAddress(other.address, address)), { ifindex, address, mac, permanent: true }]
        return
      }
      case 'remove-neighbour':
        this.neighbours = this.neighbours.filter(other => other.ifindex !== action.neighbour.ifindex || !sameAddress(other.address, action.neighbour.address))
        return
      case 'put-fdb': {
        const { link, mac, destination } = action.entry
        const ifindex = this.#index(link)
        const first = this.fdb.findIndex(entry => entry.ifindex === ifindex && entry.mac === mac)
        const put = { ifindex, mac, destination, permanent: true }
        if (first === -1) this.fdb.push(put)
        else this.fdb[first] = put
        return
      }
      case 'remove-fdb': {
        const { ifindex, mac, destination } = action.entry
        this.fdb = this.fdb.filter(entry => entry.ifindex !== ifindex || entry.mac !== mac || !sameAddress(entry.destination!, destination!))
        return
      }
      case 'configure-wireguard': {
        const { link, publicKey, listenPort } = action.device
        this.#changeWireguard(link, device => ({ ...device, publicKey, listenPort }))
        return
      }
      case 'put-wireguard-peer': {
        const { link, peer: _, ...put } = action.entry
        // A prefix leads to one peer of a device: whoever names it last has it.
        this.#changeWireguard(link, device => {
          const before = device.peers.find(({ publicKey }) => publicKey === put.publicKey)
          const others = device.peers.filter(other => other !== before).map(other => ({ ...other, allowedIps: other.allowedIps.filter(prefix => !put.allowedIps.some(taken => samePrefix(taken, prefix))) }))
          const endpoint = action.keepEndpoint ? before?.endpoint : put.endpoint
          return { ...device, peers: [...others, { ...put, endpoint, assigned: put.endpoint, handshakeAgeMs: before?.handshakeAgeMs }] }
        })
        return
      }
      case 'remove-wireguard-peer':
        this.#changeWireguard(action.link, device => ({ ...device, peers: device.peers.filter(({ publicKey }) => publicKey !== action.publicKey) }))
        return
      case 'put-route': {
        const { destination, gateway, link, onlink, mtu } = action.route
        const put: ObservedRoute = { destination, gateway, ifindex: this.#index(link), protocol: RTPROT_WEFT, metric: destination.family === 6 ? 1024 : 0, onlink, mtu, multipath: false, blackhole: false, plain: true }
        const first = this.routes.findIndex(route => samePrefix(route.destination, destination) && route.metric === put.metric)
        if (first === -1) this.routes.push(put)
        else this.routes[first] = put
        return
      }
      case 'remove-route': {
        const at = this.routes.findIndex(route => samePrefix(route.destination, action.route.destination) && route.ifindex === action.route.ifindex && route.metric === action.route.metric && (action.route.protocol === 0 || route.protocol === action.route.protocol))
        if (at !== -1) this.routes.splice(at, 1)
        return
      }
      default: return action satisfies never
    }
  }

  #create(link: DesiredLink): void {
    if (this.links.some(({ name }) => name === link.name)) throw new Error(`${link.name} exists`)
    const { shape } = link
    if (shape.kind === 'wireguard') this.wireguard.push({ link: link.name, publicKey: undefined, listenPort: 34_567, peers: [] })
    this.links.push({
      ifindex: this.#nextIndex++, name: link.name, kind: shape.kind, up: true, mtu: link.mtu, mac: link.mac, loopback: false, txChecksum: true,
      vxlan: shape.kind === 'vxlan' ? { vni: shape.vni, parentIfindex: this.#index(shape.parent), local: shape.local, port: shape.port, learning: shape.learning, gbp: shape.gbp, foreignOptions: false } : undefined,
      ipip: shape.kind === 'ipip' ? { local: shape.local, remote: undefined } : undefined,
    })
  }

  #changeWireguard(link: string, change: (device: ObservedWireguard) => ObservedWireguard): void {
    this.#index(link)
    this.wireguard = this.wireguard.map(device => (device.link === link ? change(device) : device))
  }

  #index(name: string): number {
    const link = this.links.find(candidate => candidate.name === name)
    if (link === undefined) throw new Error(`no link ${name}`)
    return link.ifindex
  }
}

/** What the kernel uses for a subnet, as one comparable line: gateway, link, neighbour's MAC, remotes of the MAC. */
export function pathTo(kernel: KernelModel, destination: ObservedRoute['destination']): string {
  const route = kernel.routes.find(candidate => samePrefix(candidate.destination, destination))
  if (route === undefined) return 'no route'
  const mac = kernel.neighbours.find(neighbour => neighbour.ifindex === route.ifindex && sameAddress(neighbour.address, networkAddress(destination)))?.mac
  const remotes = kernel.fdb.filter(entry => entry.mac === mac).map(entry => String(entry.destination?.bits))
  return `${route.gateway?.bits} ${mac} ${remotes.join('+')}`
}

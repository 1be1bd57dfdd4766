// The sets and maps of Weft's table, the same whatever services exist. Everything that depends on services is an element.

import type { Family } from '../../net/ip/address.ts'
import type { Set, TableName } from '../../net/nfnetlink/objects.ts'
import type { DataType } from '../../net/nfnetlink/datatypes.ts'

export const TABLE = 'weft'

/** Our table of one address family. */
export const tableOf = (family: Family): TableName => ({ family: family === 4 ? 'ip' : 'ip6', table: TABLE })

/** Most clients that stick to an endpoint at once; beyond it new ones are balanced without sticking. */
export const AFFINITY_CAPACITY = 1 << 20

export const SET_NAMES = [
  'services', 'node-ports', 'classes', 'endpoints', 'node-port-endpoints', 'sticky-services', 'sticky-node-ports', 'sticky-endpoints', 'sticky-addresses', 'members',
  'local-members', 'affinity', 'no-endpoints', 'no-endpoint-node-ports', 'firewalled', 'source-ranges', 'cluster-ips', 'service-cidrs', 'hairpin',
  'node-port-addresses',
] as const
export type SetName = (typeof SET_NAMES)[number]

/** The set of endpoints that a client may stick to, by the view under which they were chosen. */
export const MEMBERS = { cluster: 'members', local: 'local-members' } as const

/** The definitions, ready to be added to the table. Numbers of our own have the type `mark`: nft prints it in hexadecimal. */
export function setDefinitions(family: Family): readonly Set[] {
  const address: DataType = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
  const frontend: readonly DataType[] = [address, 'inet_proto', 'inet_service']
  const nodePort: readonly DataType[] = ['inet_proto', 'inet_service']
  const endpoint: readonly DataType[] = [address, 'inet_service']
  const set = (name: SetName, keyTypes: readonly DataType[], comment: string, rest: Partial<Set> = {}): Set => ({ ...tableOf(family), set: name, keyTypes, comment, ...rest })
  return [
    set('services', frontend, 'address, protocol, port -> number of the class', { data: ['mark'] }),
    set('node-ports', nodePort, 'protocol, node port -> number of the class', { data: ['mark'] }),
    set('classes', ['mark'], 'number of the class -> how it is balanced', { data: 'verdict' }),
    set('endpoints', [...frontend, 'mark'], 'address, protocol, port, index -> endpoint; those on this node again from 0x80000000', { data: endpoint }),
    set('node-port-endpoints', [...nodePort, 'mark'], 'protocol, node port, index -> endpoint; those on this node again from 0x80000000', { data: endpoint }),
    set('sticky-services', frontend, 'with session affinity: address, protocol, port -> number of the service port', { data: ['mark'] }),
    set('sticky-node-ports', nodePort, 'with session affinity: protocol, node port -> number of the service port', { data: ['mark'] }),
    set('sticky-endpoints', ['mark', 'mark'], 'number of the service port, index -> number of the endpoint', { data: ['mark'] }),
    set('sticky-addresses', ['mark'], 'number of the endpoint -> endpoint', { data: endpoint }),
    set('members', ['mark'], 'endpoints that clients may stick to'),
    set('local-members', ['mark'], 'the same, on this node'),
    set('affinity', [address, 'mark'], 'client, number of the service port -> number of the endpoint it sticks to', { data: ['mark'], timeout: true, dynamic: true, size: AFFINITY_CAPACITY }),
    set('no-endpoints', frontend, 'services without endpoints'),
    set('no-endpoint-node-ports', nodePort, 'node ports without endpoints'),
    set('firewalled', frontend, 'load-balancer addresses with source ranges'),
    set('source-ranges', [...frontend, address], 'load-balancer address, protocol, port, source that may reach it', { interval: true }),
    set('cluster-ips', [address], 'every cluster IP'),
    set('service-cidrs', [address], 'ranges from which cluster IPs come', { interval: true }),
    set('hairpin', [address, address], 'endpoints that may be on this node, twice: a pod that reached itself'),
    set('node-port-addresses', [address], 'addresses of this node that take node ports'),
  ]
}

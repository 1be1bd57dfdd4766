// Attachments as lines of the journal.

import { formatAddress, parseAddress, type Address } from '../../../src/net/ip/address.ts'
import { parseMac } from '../../../src/net/ip/mac.ts'
import { PROTOCOLS, parsePort } from '../../../src/net/ip/port.ts'
import { InputError } from '../../../src/ops/errors.ts'
import { formatConditions, readConditions } from '../config/conditions.ts'
import type { PortVlans } from '../config/port-vlans.ts'
import { PLUGIN_KINDS, type PluginKind } from '../kind/plugin-kind.ts'
import { Fields } from '../request/fields.ts'
import type { AddressStorage, Attachment, AttachmentState, HeldAddress, PortClaim, Role } from './attachment.ts'

export const attachmentToJson = (attachment: Attachment): Record<string, unknown> => ({
  role: attachment.role,
  madeAs: attachment.madeAs,
  network: attachment.network,
  containerId: attachment.containerId,
  ifname: attachment.ifname,
  state: attachment.state,
  startedNs: String(attachment.startedNs),
  netnsInode: String(attachment.netnsInode),
  ...(attachment.link && { link: attachment.link }),
  addresses: attachment.addresses.map(held => ({ ...held, address: formatAddress(held.address), gateway: held.gateway && formatAddress(held.gateway) })),
  storage: attachment.storage,
  ...(attachment.masquerade && { masquerade: true }),
  ...(attachment.ports.length > 0 && {
    ports: attachment.ports.map(({ conditions, ...claim }) => ({
      ...claim, hostIp: claim.hostIp && formatAddress(claim.hostIp), target: formatAddress(claim.target), ...(conditions.length > 0 && { conditions: formatConditions(conditions) }),
    })),
  }),
  ...(attachment.ifb && { ifb: attachment.ifb }),
})

/** Throws when a field is missing or has a value that we never wrote. */
export function attachmentFromJson(value: object): Attachment {
  const fields = new Fields(value)
  const link = fields.object('link')
  return {
    role: oneOf<Role>(fields, 'role', ['interface', 'addresses', 'ports', 'bandwidth']),
    madeAs: oneOf<PluginKind>(fields, 'madeAs', PLUGIN_KINDS),
    network: required(fields, 'network'),
    containerId: required(fields, 'containerId'),
    ifname: required(fields, 'ifname'),
    state: oneOf<AttachmentState>(fields, 'state', ['reserved', 'active', 'deleting']),
    startedNs: BigInt(required(fields, 'startedNs')),
    netnsInode: BigInt(required(fields, 'netnsInode')),
    link: link && {
      host: required(link, 'host'), bridge: required(link, 'bridge'),
      hairpin: link.boolean('hairpin') ?? false, isolated: link.boolean('isolated') ?? false, gateway: link.boolean('gateway') ?? false,
      promiscuous: link.boolean('promiscuous') ?? false, vlans: readVlans(link.object('vlans')),
      onlyMac: link.has('onlyMac') ? parseMac(required(link, 'onlyMac'), link.name('onlyMac')) : undefined,
    },
    addresses: fields.objects('addresses').map(readHeld),
    storage: readStorage(fields.object('storage') ?? new Fields({}, 'storage.')),
    masquerade: fields.boolean('masquerade') ?? false,
    ports: fields.objects('ports').map(readClaim),
    ifb: fields.string('ifb'),
  }
}

const readVlans = (fields: Fields | undefined): PortVlans | undefined =>
  fields && {
    native: fields.integer('native'),
    trunk: fields.objects('trunk').map(run => ({ first: run.integer('first') ?? 0, last: run.integer('last') ?? 0 })),
    keepsDefault: fields.boolean('keepsDefault') ?? false,
  }

const readHeld = (fields: Fields): HeldAddress => ({
  set: fields.integer('set') ?? 0,
  address: readAddress(fields, 'address'),
  prefixLength: fields.integer('prefixLength') ?? 0,
  gateway: optionalAddress(fields, 'gateway'),
})

function readClaim(fields: Fields): PortClaim {
  const target = readAddress(fields, 'target')
  return {
    protocol: oneOf(fields, 'protocol', PROTOCOLS),
    hostPort: parsePort(fields.integer('hostPort'), fields.name('hostPort')),
    containerPort: parsePort(fields.integer('containerPort'), fields.name('containerPort')),
    hostIp: optionalAddress(fields, 'hostIp'),
    target,
    snat: fields.boolean('snat') ?? false,
    masqueradeAll: fields.boolean('masqueradeAll') ?? false,
    conditions: readConditions(fields.strings('conditions'), { field: fields.name('conditions'), family: target.family }),
  }
}

const readStorage = (fields: Fields): AddressStorage =>
  oneOf(fields, 'kind', ['own', 'host-local'] as const) === 'own'
    ? { kind: 'own', pool: required(fields, 'pool') }
    : { kind: 'host-local', folder: required(fields, 'folder') }

const readAddress = (fields: Fields, key: string): Address => parseAddress(required(fields, key), fields.name(key))
const optionalAddress = (fields: Fields, key: string): Address | undefined => (fields.has(key) ? readAddress(fields, key) : undefined)

function required(fields: Fields, key: string): string {
  const value = fields.string(key)
  if (value === undefined) throw new InputError(fields.name(key), value, 'is missing')
  return value
}

function oneOf<T extends string>(fields: Fields, key: string, allowed: readonly T[]): T {
  const value = allowed.find(each => each === fields.string(key))
  if (value === undefined) throw new InputError(fields.name(key), fields.raw(key), `is none of ${allowed.join(', ')}`)
  return value
}

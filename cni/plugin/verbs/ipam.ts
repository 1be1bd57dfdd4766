// Being somebody else's IPAM plugin: addresses only, no link.

import { sameAddress } from '../../../src/net/ip/address.ts'
import { formatInterfaceAddress } from '../../../src/net/ip/prefix.ts'
import { allocate, dnsOf, ipsOf } from '../attach/allocate.ts'
import { CniError } from '../cni-error.ts'
import { readIpamConfig } from '../config/ipam-config.ts'
import type { CniHost } from '../host/cni-host.ts'
import { heldInFolder } from '../ipam/host-local-folder.ts'
import type { CniRequest } from '../request/parse-request.ts'
import type { CniResult } from '../result/result.ts'
import { requireAttachment } from './check.ts'

export async function addAddresses(host: CniHost, request: CniRequest, options: Readonly<{ startedNs: bigint; signal: AbortSignal }>): Promise<CniResult> {
  const ipam = readIpamConfig(request)
  if (host.store.get('addresses', request) !== undefined) {
    throw new CniError('CNI_ATTACHMENT_EXISTS', `container ${request.containerId} has addresses for ${request.ifname} already, duplicate allocation is not allowed`)
  }
  const record = await allocate(host, {
    network: request.network,
    ipam,
    signal: options.signal,
    draft: {
      role: 'addresses', madeAs: 'ipam', network: request.network, containerId: request.containerId, ifname: request.ifname, state: 'active', startedNs: options.startedNs,
      netnsInode: 0n, link: undefined, addresses: [], storage: { kind: 'own', pool: request.network }, masquerade: false, ports: [], ifb: undefined,
    },
  })
  return { interfaces: [], ips: ipsOf(record.addresses, undefined), routes: ipam.routes, dns: dnsOf(ipam) }
}

export async function checkAddresses(host: CniHost, request: CniRequest, options: Readonly<{ signal: AbortSignal }>): Promise<void> {
  const { storage, addresses } = requireAttachment(host, request, 'addresses')
  if (storage.kind === 'own') return
  const held = await heldInFolder(storage.folder, request, { clock: host.clock, signal: options.signal })
  const lost = addresses.find(({ address }) => !held.some(each => sameAddress(each, address)))
  if (lost !== undefined) throw new CniError('CNI_CHECK_MISMATCH', `reservation: expected ${formatInterfaceAddress(lost)}, found none`)
}

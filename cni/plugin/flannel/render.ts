// The flannel plugin: a bridge configuration rendered from the file that a flannel-style agent writes for its host.

import { readFileSync } from 'node:fs'
import { formatPrefix, parseInterfaceAddress, prefixOf } from '../../../src/net/ip/prefix.ts'
import { CniError } from '../cni-error.ts'
import { Fields, isObject } from '../request/fields.ts'
import type { CniRequest } from '../request/parse-request.ts'

const DEFAULT_SUBNET_FILE = '/run/flannel/subnet.env'

/** The request as a bridge plugin with host-local addresses would get it. Throws 11 while the host has no lease. */
export function renderFlannel(request: CniRequest): CniRequest {
  const { config } = request
  const path = config.string('subnetFile') || DEFAULT_SUBNET_FILE
  const subnet = readSubnetFile(path)
  const delegate = config.raw('delegate')
  if (delegate !== undefined && !isObject(delegate)) throw new CniError('CNI_DECODING_FAILURE', 'delegate is not an object')
  const given = new Fields(delegate ?? {}, 'delegate.')
  for (const key of ['name', 'ipam']) if (given.has(key)) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `delegate: it must not hold "${key}"`)
  const type = given.string('type') ?? 'bridge'
  if (type !== 'bridge') throw new CniError('CNI_UNSUPPORTED_FIELD', `delegate.type: ${JSON.stringify(type)} is not supported; only "bridge" is`)
  const ipam = config.raw('ipam')
  const ipamFields = isObject(ipam) ? ipam : {}
  const routes = (Array.isArray(ipamFields['routes']) ? ipamFields['routes'] : []) as unknown[]
  const rendered = {
    ipMasq: !subnet.ipMasq,
    mtu: subnet.mtu,
    isGateway: true,
    ...delegate,
    cniVersion: request.cniVersion,
    name: request.network,
    type: 'bridge',
    ipam: { type: 'host-local', ...ipamFields, ranges: subnet.subnets.map(each => [{ subnet: each }]), routes: [...routes, ...subnet.networks.map(dst => ({ dst }))] },
    runtimeConfig: config.raw('runtimeConfig'),
    args: config.raw('args'),
  }
  return { ...request, config: new Fields(rendered) }
}

type SubnetFile = Readonly<{ networks: readonly string[]; subnets: readonly string[]; mtu: number; ipMasq: boolean }>

function readSubnetFile(path: string): SubnetFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CniError('CNI_TRY_AGAIN_LATER', `the subnet lease of this host has not been obtained yet: cannot read ${path}`, (cause as NodeJS.ErrnoException).code, { cause })
  }
  const values = new Map(text.split('\n').map(line => line.trim()).filter(line => line.includes('=')).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  const list = (name: string): readonly string[] => (values.get(name) ?? '').split(',').map(part => part.trim()).filter(part => part !== '')
  const networks = [...list('FLANNEL_NETWORK'), ...list('FLANNEL_IPV6_NETWORK')]
  const subnets = [...list('FLANNEL_SUBNET'), ...list('FLANNEL_IPV6_SUBNET')].map(networkOf)
  const missing = [
    ...(networks.length === 0 ? ['FLANNEL_NETWORK or FLANNEL_IPV6_NETWORK'] : []),
    ...(subnets.length === 0 ? ['FLANNEL_SUBNET or FLANNEL_IPV6_SUBNET'] : []),
    ...['FLANNEL_MTU', 'FLANNEL_IPMASQ'].filter(name => !values.has(name)),
  ]
  if (missing.length > 0) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `${path} is missing ${missing.join(', ')}`)
  const mtu = Number(values.get('FLANNEL_MTU'))
  if (!Number.isInteger(mtu)) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `${path}: FLANNEL_MTU=${values.get('FLANNEL_MTU')} is not a number`)
  return { networks, subnets, mtu, ipMasq: values.get('FLANNEL_IPMASQ') === 'true' }
}

/** The file names the host's own address in its subnet ("10.244.1.1/24"): ranges want the network. */
function networkOf(text: string): string {
  const { address, prefixLength } = parseInterfaceAddress(text, 'FLANNEL_SUBNET')
  return formatPrefix(prefixOf(address, prefixLength))
}

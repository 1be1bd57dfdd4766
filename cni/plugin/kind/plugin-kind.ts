// Which plugin a request is for. One binary stands in for several, linked under their names.

import { CniError } from '../cni-error.ts'
import type { CniRequest } from '../request/parse-request.ts'

export const PLUGIN_KINDS = ['weft', 'bridge', 'ipam', 'portmap', 'bandwidth', 'loopback', 'flannel'] as const
export type PluginKind = (typeof PLUGIN_KINDS)[number]

const BY_NAME: Readonly<Record<string, PluginKind>> = {
  'weft-cni': 'weft', bridge: 'bridge', 'host-local': 'ipam', portmap: 'portmap', bandwidth: 'bandwidth', loopback: 'loopback', flannel: 'flannel',
}

/**
 * By the name under which the program ran, else by `type`. A plugin that delegates addresses passes its own configuration
 * on, `type` included, so being named in `ipam.type` only counts when `type` names somebody else.
 */
export function pluginKind(request: CniRequest): PluginKind {
  const type = request.config.string('type') ?? ''
  const ipamType = request.config.object('ipam')?.string('type')
  const ran = BY_NAME[request.program]
  if (ran !== undefined && ran !== 'weft') return ran
  if (ran === 'weft' && ipamType === request.program && type !== request.program) return 'ipam'
  const named = BY_NAME[type]
  if (named === undefined) throw new CniError('CNI_INVALID_NETWORK_CONFIG', `type: ${JSON.stringify(type)} is none of ${Object.keys(BY_NAME).join(', ')}`)
  return named
}

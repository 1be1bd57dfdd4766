// Requests as a shim would send them, for tests of what parses them.

import type { RawRequest } from '../../../cni/plugin/wire/raw-request.ts'

export const rawRequest = (fields: Partial<Omit<RawRequest, 'stdin'>> & Readonly<{ stdin?: string | Buffer; config?: unknown }> = {}): RawRequest => {
  const { stdin, config, ...rest } = fields
  const text = stdin ?? JSON.stringify(config ?? { cniVersion: '1.0.0', name: 'net', type: 'weft-cni' })
  return {
    command: 'ADD', containerId: 'c1', netns: '/run/netns/c1', ifname: 'eth0', args: '', netnsOverride: '', program: 'weft-cni', traceparent: '',
    stdinErrno: undefined, ownNetns: undefined, openedNetns: undefined, remainingMs: 1000, ...rest,
    stdin: typeof text === 'string' ? Buffer.from(text) : text,
  }
}

// Shared pieces of the client's tests: a client of a fake server, and waiting for conditions.

import { openApiClient, type ApiClient } from '../../../src/client/api-client.ts'
import type { TransportOptions } from '../../../src/client/http/open-transport.ts'
import type { ClientConfig } from '../../../src/client/kubeconfig/config.ts'
import { fixedCredentials } from '../../../src/client/kubeconfig/credentials.ts'
import { silentLog, type Logger } from '../../../src/ops/log.ts'
import { FIXTURES } from './fake-api.ts'

export const configFor = (url: string, overrides: Partial<ClientConfig> = {}): ClientConfig => ({
  server: new URL(url),
  trust: { ca: { file: `${FIXTURES}/ca-cert.pem` }, serverName: undefined, insecureSkipVerify: false },
  credentials: fixedCredentials({}),
  namespace: 'default',
  origin: 'test',
  ...overrides,
})

export const clientFor = (url: string, options: { config?: Partial<ClientConfig>; transport?: TransportOptions; log?: Logger } = {}): ApiClient =>
  openApiClient({ config: configFor(url, options.config), userAgent: 'weft-test/0', log: options.log ?? silentLog(), ...(options.transport && { transport: options.transport }) })

/** Polls until `condition` holds; fails with what was last seen. */
export async function eventually(condition: () => boolean | Promise<boolean>, last: () => unknown = () => '', timeoutMs = 20_000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms; last seen: ${JSON.stringify(last())}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

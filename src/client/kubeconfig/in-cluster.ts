// The configuration a pod finds in its own file system and environment.

import { readFile } from 'node:fs/promises'
import type { Clock } from '../../ops/clock.ts'
import { InputError } from '../../ops/errors.ts'
import { formatHostPort, parsePort } from '../../net/ip/port.ts'
import type { ClientConfig } from './config.ts'
import { tokenFileCredentials } from './credentials.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Where the kubelet projects the service account, unless the pod mounts it elsewhere. */
const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount'

export const isInCluster = (env: Environment): boolean =>
  Boolean(env['KUBERNETES_SERVICE_HOST']) && Boolean(env['KUBERNETES_SERVICE_PORT'])

export async function inClusterConfig(env: Environment, clock: Clock, directory = SERVICE_ACCOUNT_DIRECTORY): Promise<ClientConfig> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  if (host === '') throw new InputError('KUBERNETES_SERVICE_HOST', host, 'is empty, so this is not a pod')
  const port = parsePort(env['KUBERNETES_SERVICE_PORT'], 'KUBERNETES_SERVICE_PORT')
  const namespace = await readFile(`${directory}/namespace`, 'utf8').catch(() => 'default')
  return {
    server: new URL(`https://${formatHostPort(host, port)}`),
    trust: { ca: { file: `${directory}/ca.crt` }, serverName: undefined, insecureSkipVerify: false },
    credentials: tokenFileCredentials(`${directory}/token`, clock),
    namespace: namespace.trim() || 'default',
    origin: 'in-cluster',
  }
}

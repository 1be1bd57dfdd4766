// From the text of kubeconfig files (clientcmd api v1) to one context's configuration.

import { isAbsolute, join } from 'node:path'
import type { Clock } from '../../ops/clock.ts'
import { InputError } from '../../ops/errors.ts'
import type { ClientConfig, Credentials, PemSource } from './config.ts'
import { certificateCredentials, combinedCredentials, fixedCredentials, tokenFileCredentials } from './credentials.ts'
import { EXEC_API_VERSIONS, execCredentials } from './exec-plugin.ts'

type Fields = Readonly<Record<string, unknown>>
type Named = Readonly<{ name: string; value: Fields; directory: string; file: string }>

/** One file as read: `directory` resolves its relative paths. */
export type Kubeconfig = Readonly<{ file: string; directory: string; content: Fields }>

export type MergedKubeconfig = Readonly<{
  currentContext: string
  clusters: ReadonlyMap<string, Named>
  users: ReadonlyMap<string, Named>
  contexts: ReadonlyMap<string, Named>
}>

/** kubectl's merge: the first file to set a name or the current context wins. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): MergedKubeconfig {
  return {
    currentContext: configs.map(config => text(config.content, 'current-context')).find(name => name !== undefined) ?? '',
    clusters: named(configs, 'clusters', 'cluster'),
    users: named(configs, 'users', 'user'),
    contexts: named(configs, 'contexts', 'context'),
  }
}

function named(configs: readonly Kubeconfig[], list: string, field: string): ReadonlyMap<string, Named> {
  const found = new Map<string, Named>()
  for (const { file, directory, content } of configs) {
    const entries = content[list] ?? []
    if (!Array.isArray(entries)) throw new InputError(`${file}: ${list}`, content[list], 'is not a list')
    for (const entry of entries as Fields[]) {
      const name = text(entry, 'name')
      if (name === undefined || found.has(name)) continue
      found.set(name, { name, value: (entry[field] ?? {}) as Fields, directory, file })
    }
  }
  return found
}

/** The configuration of one context. Throws InputError naming what is missing or wrong. */
export function resolveContext(
  config: MergedKubeconfig,
  options: Readonly<{ context: string | undefined; master: string | undefined; origin: string; clock: Clock }>,
): ClientConfig {
  const contextName = options.context ?? config.currentContext
  const context = contextName === '' ? undefined : config.contexts.get(contextName)
  if (context === undefined && (contextName !== '' || options.master === undefined)) {
    const names = [...config.contexts.keys()].join(', ') || 'none'
    throw new InputError('current-context', contextName, `is not a context of ${options.origin} (it has: ${names})`)
  }
  const cluster = lookUp(config.clusters, context, 'cluster')
  const user = lookUp(config.users, context, 'user')
  const server = options.master || (cluster && text(cluster.value, 'server'))
  if (!server) throw new InputError('server', server ?? '', `is missing in the cluster of context ${contextName}`)
  if (cluster && text(cluster.value, 'proxy-url')) throw new InputError('proxy-url', cluster.value['proxy-url'], 'is not supported: name the API server directly')
  return {
    server: parseServer(server),
    trust: {
      ca: cluster && pemSource(cluster, 'certificate-authority'),
      serverName: cluster && text(cluster.value, 'tls-server-name'),
      insecureSkipVerify: cluster?.value['insecure-skip-tls-verify'] === true,
    },
    credentials: user === undefined ? fixedCredentials({}) : userCredentials(user, cluster, options.clock),
    namespace: (context && text(context.value, 'namespace')) ?? 'default',
    origin: contextName === '' ? options.origin : `${options.origin} (context ${contextName})`,
  }
}

function lookUp(entries: ReadonlyMap<string, Named>, context: Named | undefined, field: 'cluster' | 'user'): Named | undefined {
  const name = context && text(context.value, field)
  if (name === undefined) return undefined
  const entry = entries.get(name)
  if (entry === undefined) throw new InputError(field, name, `is named by context ${context?.name} but defined in no file`)
  return entry
}

function parseServer(server: string): URL {
  // kubectl takes "host:port" as well; without a scheme it means plain HTTP on localhost and TLS is never guessed.
  const withScheme = /^[a-z]+:\/\//i.test(server) ? server : `http://${server}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new InputError('server', server, 'is not an http or https URL')
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

function userCredentials(user: Named, cluster: Named | undefined, clock: Clock): Credentials {
  const { value } = user
  const parts: Credentials[] = []
  const cert = pemSource(user, 'client-certificate')
  const key = pemSource(user, 'client-key')
  if ((cert === undefined) !== (key === undefined)) throw new InputError(cert ? 'client-key' : 'client-certificate', '', `is missing for user ${user.name}`)
  if (cert !== undefined && key !== undefined) parts.push(certificateCredentials({ cert, key }))
  const tokenFile = text(value, 'tokenFile')
  const token = text(value, 'token')
  const username = text(value, 'username')
  // clientcmd: the file takes precedence over the inline token.
  if (tokenFile !== undefined) parts.push(tokenFileCredentials(absolute(user.directory, tokenFile), clock))
  else if (token !== undefined) parts.push(fixedCredentials({ authorization: `Bearer ${token}` }))
  else if (username !== undefined) {
    const pair = Buffer.from(`${username}:${text(value, 'password') ?? ''}`).toString('base64')
    parts.push(fixedCredentials({ authorization: `Basic ${pair}` }))
  }
  if (value['exec'] !== undefined) parts.push(execPart(user, value['exec'] as Fields, cluster, clock))
  if (value['auth-provider'] !== undefined && parts.length === 0) {
    throw new InputError('auth-provider', (value['auth-provider'] as Fields)['name'], 'was removed from Kubernetes in 1.26: use an exec plugin')
  }
  const impersonation = impersonationHeaders(value)
  if (impersonation !== undefined) parts.push(fixedCredentials({ headers: impersonation }))
  return parts.length === 1 ? parts[0]! : combinedCredentials(parts)
}

function execPart(user: Named, exec: Fields, cluster: Named | undefined, clock: Clock): Credentials {
  const command = text(exec, 'command')
  if (command === undefined) throw new InputError('exec.command', '', `is missing for user ${user.name}`)
  const apiVersion = text(exec, 'apiVersion') ?? ''
  if (!EXEC_API_VERSIONS.includes(apiVersion)) throw new InputError('exec.apiVersion', apiVersion, `must be one of ${EXEC_API_VERSIONS.join(', ')}`)
  const env = Object.fromEntries(((exec['env'] ?? []) as Fields[]).map(entry => [text(entry, 'name') ?? '', text(entry, 'value') ?? '']))
  return execCredentials({
    apiVersion, command, env,
    args: ((exec['args'] ?? []) as unknown[]).map(String),
    installHint: text(exec, 'installHint'),
    cluster: exec['provideClusterInfo'] === true ? cluster?.value : undefined,
    directory: user.directory,
  }, clock)
}

function impersonationHeaders(value: Fields): Record<string, string | readonly string[]> | undefined {
  const as = text(value, 'as')
  if (as === undefined) return undefined
  const groups = (value['as-groups'] ?? []) as string[]
  const uid = text(value, 'as-uid')
  const extra = Object.entries((value['as-user-extra'] ?? {}) as Record<string, string[]>)
  return {
    'impersonate-user': as,
    ...(groups.length > 0 && { 'impersonate-group': groups }),
    ...(uid !== undefined && { 'impersonate-uid': uid }),
    ...Object.fromEntries(extra.map(([key, values]) => [`impersonate-extra-${encodeURIComponent(key).toLowerCase()}`, values])),
  }
}

/** `<field>-data` (base64 of PEM) wins over `<field>` (a path), as in clientcmd. */
function pemSource({ value, directory }: Named, field: string): PemSource | undefined {
  const data = text(value, `${field}-data`)
  if (data !== undefined) return { pem: Buffer.from(data, 'base64').toString('utf8') }
  const file = text(value, field)
  return file === undefined ? undefined : { file: absolute(directory, file) }
}

const absolute = (directory: string, path: string): string => (isAbsolute(path) ? path : join(directory, path))

/** A non-empty string field, or undefined. */
function text(fields: Fields, name: string): string | undefined {
  const value = fields?.[name]
  if (value === undefined || value === null || value === '') return undefined
  return typeof value === 'string' ? value : String(value)
}

// Bootstrap tokens: `‹id›.‹secret›`, kept as Secrets in kube-system, with which a machine that is not yet a node asks for
// its certificate (KEP-130, k8s.io/cluster-bootstrap/token/api). Those of kubeadm and these are the same.

import type { Secret } from 'kubernetes-types/core/v1.d.ts'
import { InputError } from '../../ops/errors.ts'

export type BootstrapToken = Readonly<{ id: string; secret: string }>

export const TOKEN_SECRET_TYPE = 'bootstrap.kubernetes.io/token'
export const TOKEN_NAMESPACE = 'kube-system'
export const BOOTSTRAPPERS_GROUP = 'system:bootstrappers'
/** The group to which kubeadm grants what a joining node needs. */
export const JOINING_NODES_GROUP = 'system:bootstrappers:kubeadm:default-node-token'
/** The ConfigMap in kube-public that anybody may read, signed with the tokens. */
export const CLUSTER_INFO = { namespace: 'kube-public', name: 'cluster-info' } as const

const SHAPE = /^([a-z0-9]{6})\.([a-z0-9]{16})$/

export const secretName = ({ id }: Pick<BootstrapToken, 'id'>): string => `bootstrap-token-${id}`

export const formatBootstrapToken = ({ id, secret }: BootstrapToken): string => `${id}.${secret}`

/** Undefined for what is no bootstrap token. */
export function readBootstrapToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = SHAPE.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** Throws InputError, which does not repeat the secret. */
export function parseBootstrapToken(text: string, field: string): BootstrapToken {
  const token = readBootstrapToken(text)
  if (token === undefined) throw new InputError(field, `${text.slice(0, 6)}…`, 'is not of the form abcdef.0123456789abcdef')
  return token
}

export type TokenRecord = Readonly<{
  token: BootstrapToken
  /** Undefined: for ever. */
  expiresAtMs: number | undefined
  usages: readonly string[]
  /** Besides system:bootstrappers. */
  groups: readonly string[]
  description: string
}>

/** What a Secret says of its token; undefined when it is none or is not consistent in itself. */
export function readTokenSecret(secret: Secret): TokenRecord | undefined {
  const of = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8')
  const token = readBootstrapToken(`${of('token-id')}.${of('token-secret')}`)
  if (secret.type !== TOKEN_SECRET_TYPE || token === undefined || secret.metadata?.name !== secretName(token)) return undefined
  const expiration = of('expiration')
  const expiresAtMs = Date.parse(expiration)
  // A date that cannot be read is past, as upstream has it.
  return {
    token, expiresAtMs: expiration === '' ? undefined : Number.isNaN(expiresAtMs) ? 0 : expiresAtMs, description: of('description'),
    usages: ['authentication', 'signing'].filter(usage => of(`usage-bootstrap-${usage}`) === 'true'),
    groups: of('auth-extra-groups').split(',').filter(group => /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group)),
  }
}

/** The Secret of a token, with data as a client writes it. */
export function tokenSecret({ token, expiresAtMs, usages, groups, description }: TokenRecord): Secret {
  return {
    apiVersion: 'v1', kind: 'Secret', type: TOKEN_SECRET_TYPE, metadata: { name: secretName(token), namespace: TOKEN_NAMESPACE },
    stringData: {
      'token-id': token.id, 'token-secret': token.secret,
      ...Object.fromEntries(usages.map(usage => [`usage-bootstrap-${usage}`, 'true'])),
      ...(expiresAtMs === undefined ? {} : { expiration: `${new Date(expiresAtMs).toISOString().slice(0, 19)}Z` }),
      ...(groups.length === 0 ? {} : { 'auth-extra-groups': groups.join(',') }),
      ...(description === '' ? {} : { description }),
    },
  }
}

export const isExpired = ({ expiresAtMs }: Pick<TokenRecord, 'expiresAtMs'>, nowMs: number): boolean => expiresAtMs !== undefined && expiresAtMs <= nowMs

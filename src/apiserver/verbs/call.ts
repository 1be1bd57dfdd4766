// What a verb works with: the request, the resource it names and the parts of the server.

import { randomBytes, randomUUID } from 'node:crypto'
import { NAME_SUFFIX_LENGTH, nameSuffix } from '../../api/metadata/generate-name.ts'
import type { ApiResource } from '../../api/registry/resource.ts'
import type { Strategy, UserInfo, WriteContext } from '../../api/registry/strategy.ts'
import type { Clock } from '../../ops/clock.ts'
import type { Logger } from '../../ops/log.ts'
import type { FieldRules } from '../http/decode-body.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Negotiated } from '../http/negotiate.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import type { ResourceRequest } from '../http/request-info.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { WatchHub } from '../watch/hub.ts'
import type { Admission } from './admission.ts'
import type { NamespaceGuard } from './namespace-guard.ts'
import type { WriteOptions } from './write-options.ts'

/** The parts of the server that verbs use. */
export type Serving = Readonly<{
  objects: ObjectStore
  hub: WatchHub
  admission: Admission
  namespaceGuard: NamespaceGuard
  authorizer: Authorizer
  clock: Clock
  log: Logger
}>

/** One request for a resource. */
export type Call = Readonly<{
  serving: Serving
  exchange: Exchange
  request: ResourceRequest
  resource: ApiResource
  strategy: Strategy
  negotiated: Negotiated
}>

/** Time, uid and random name part for one try of a write. */
export const writeContext = ({ serving, user }: Readonly<{ serving: Serving; user: UserInfo }>): WriteContext => ({
  nowMs: serving.clock.now(), uid: randomUUID(), suffix: () => nameSuffix(randomBytes(NAME_SUFFIX_LENGTH)), user,
})

/** How a write treats fields that its kind does not have. */
export const fieldRules = ({ exchange }: Call, { fieldValidation }: WriteOptions): FieldRules =>
  ({ fieldValidation, warn: text => exchange.warn(text) })

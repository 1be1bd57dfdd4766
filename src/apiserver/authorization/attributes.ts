// What a request is judged by.

import type { UserInfo } from '../../api/registry/strategy.ts'

export type ResourceAttributes = Readonly<{
  kind: 'resource'
  user: UserInfo
  verb: string
  group: string
  plural: string
  subresource: string
  namespace: string
  name: string
}>

export type PathAttributes = Readonly<{ kind: 'path'; user: UserInfo; verb: string; path: string }>

export type Attributes = ResourceAttributes | PathAttributes

export type Decision = Readonly<{ allowed: boolean; reason: string }>

export interface Authorizer {
  authorize(attributes: Attributes): Decision
}

// Who makes a request, and the two ways in which finding out can end without a user.

import type { UserInfo } from '../../api/registry/strategy.ts'
import type { Exchange } from '../http/exchange.ts'

/**
 * One way of telling who makes a request. Undefined: the request carries no credentials of this kind.
 * Throws 401 when it carries some that are not good.
 */
export interface Authenticator {
  authenticate(exchange: Exchange): Promise<UserInfo | undefined>
}

export const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] }
export const MASTERS_GROUP = 'system:masters'
const AUTHENTICATED_GROUP = 'system:authenticated'

/** Asks each in turn; nobody knowing makes the request anonymous. */
export async function identify(authenticators: readonly Authenticator[], exchange: Exchange): Promise<UserInfo> {
  for (const authenticator of authenticators) {
    const user = await authenticator.authenticate(exchange)
    if (user !== undefined) return authenticated(user)
  }
  return ANONYMOUS
}

/** Every user but the anonymous one is in the group of the authenticated. */
export const authenticated = (user: UserInfo): UserInfo =>
  user.groups.includes(AUTHENTICATED_GROUP) || user.groups.includes('system:unauthenticated') ? user : { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] }

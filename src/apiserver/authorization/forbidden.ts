// The 403 that says what was not allowed.

import { forbiddenPath, forbiddenRequest, type StatusError } from '../../api/status/status.ts'
import type { Attributes } from './attributes.ts'

export function forbiddenError(attributes: Attributes, reason: string): StatusError {
  if (attributes.kind === 'path') return forbiddenPath(attributes.user.username, attributes.verb, attributes.path)
  const { user, verb, plural, subresource, group, namespace, name } = attributes
  const resource = subresource === '' ? plural : `${plural}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  const why = `User ${JSON.stringify(user.username)} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`
  return forbiddenRequest({ group, plural }, name, reason === '' ? why : `${why}: ${reason}`)
}

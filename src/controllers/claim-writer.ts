// Carries out a claim: adds and removes the controller reference of objects.

import { ApiError, isInvalid, isNotFound } from '../client/errors.ts'
import type { ApiClient } from '../client/api-client.ts'
import type { KubeObject, Stored } from '../client/objects.ts'
import { apiVersionOf, type Resource } from '../client/resources.ts'
import { controllerReference, type Claim } from './owned.ts'

/** Writes the references; answers the objects that now belong to the owner, as the server has them. */
export async function writeClaim<O extends KubeObject, T extends KubeObject>(
  client: ApiClient,
  owner: Readonly<{ resource: Resource<O>; object: Stored<O> }>,
  claim: Claim<Stored<T>>,
  resource: Resource<T>,
  options: Readonly<{ signal: AbortSignal }>,
): Promise<Stored<T>[]> {
  const result = [...claim.owned]
  if (claim.adopt.length > 0) {
    // The cache may be behind: an owner that is being deleted, or its namesake, must not take anything over.
    const live = await client.get(owner.resource, owner.object.metadata, options)
    if (live.metadata.uid === owner.object.metadata.uid && live.metadata.deletionTimestamp === undefined) {
      const reference = controllerReference(owner.object, apiVersionOf(owner.resource), owner.resource.kind)
      for (const object of claim.adopt) {
        const adopted = await gone(client.patch(resource, object.metadata, { type: 'strategic', body: { metadata: { uid: object.metadata.uid, ownerReferences: [reference] } } }, options))
        if (adopted !== undefined) result.push(adopted)
      }
    }
  }
  for (const object of claim.release) {
    const body = { metadata: { uid: object.metadata.uid, ownerReferences: [{ $patch: 'delete', uid: owner.object.metadata.uid }] } }
    await gone(client.patch(resource, object.metadata, { type: 'strategic', body }, options))
  }
  return result
}

/** Undefined when the object is no more: then there is nothing to claim. */
async function gone<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write
  } catch (error) {
    if (isNotFound(error) || isInvalid(error) || (error instanceof ApiError && error.status === 409)) return undefined
    throw error
  }
}

// ConfigMaps and Secrets that pods take their environment from, read when a container starts.

import type { ConfigMap, Secret } from 'kubernetes-types/core/v1.js'
import type { ApiClient } from '../client/api-client.ts'
import { isNotFound } from '../client/errors.ts'
import type { KubeObject } from '../client/objects.ts'
import { CONFIG_MAPS, SECRETS, type Resource } from '../client/resources.ts'
import type { ConfigSource } from './container/environment.ts'

export function apiConfigSource(client: ApiClient, signal: AbortSignal): ConfigSource {
  const read = async <T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): Promise<T | undefined> => {
    try {
      return await client.get(resource, { namespace, name }, { signal })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
  return {
    configMap: (namespace, name) => read<ConfigMap>(CONFIG_MAPS, namespace, name),
    secret: (namespace, name) => read<Secret>(SECRETS, namespace, name),
  }
}

// Which Node this host is: NODE_NAME, else the node of the pod that POD_NAME and POD_NAMESPACE name.

import type { ApiClient } from '../../../client/api-client.ts'
import { PODS } from '../../../client/resources.ts'
import { InputError } from '../../../ops/errors.ts'

export async function findNodeName(client: ApiClient, env: Readonly<Record<string, string | undefined>>, call: { signal: AbortSignal }): Promise<string> {
  if (env['NODE_NAME']) return env['NODE_NAME']
  const [name, namespace] = [env['POD_NAME'], env['POD_NAMESPACE']]
  if (!name || !namespace) throw new InputError('NODE_NAME', null, 'is not set, and neither are POD_NAME and POD_NAMESPACE, from which the node could be found')
  const pod = await client.get(PODS, { name, namespace }, call)
  if (!pod.spec?.nodeName) throw new InputError('POD_NAME', name, `names a pod in ${namespace} that is on no node`)
  return pod.spec.nodeName
}

// What upstream's admission plug-ins add to a new pod: the service account's token volume and the tolerations that
// decide how soon a pod leaves a failed node. Which account it is and whether it exists is looked up by the server.

import type { Container, PodSpec, Toleration, Volume } from 'kubernetes-types/core/v1.d.ts'

export const DEFAULT_SERVICE_ACCOUNT = 'default'
const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
/** A token that the server stretches to a year for clients which never reload it; see TokenRequest. */
const BOUND_TOKEN_SECONDS = 3607
const NODE_FAILURE_SECONDS = 300
const FAILURE_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

/** Pods made by the kubelet from files; they can have no service account. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

/** Adds both failure tolerations unless the pod already has its own for the taint. */
export function addFailureTolerations(spec: PodSpec): void {
  for (const key of FAILURE_TAINTS) {
    const covered = (spec.tolerations ?? []).some(toleration =>
      (toleration.key === key || ((toleration.key ?? '') === '' && toleration.operator === 'Exists')) &&
      ((toleration.effect ?? '') === '' || toleration.effect === 'NoExecute'))
    if (covered) continue
    const added: Toleration = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: NODE_FAILURE_SECONDS }
    spec.tolerations = [...(spec.tolerations ?? []), added]
  }
}

/** Adds the projected volume and mounts it into every container that has nothing at its path. `suffix` makes the volume's name. */
export function mountServiceAccountToken(spec: PodSpec, suffix: string): void {
  const containers: readonly Container[] = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  const needing = containers.filter(({ volumeMounts = [] }) => !volumeMounts.some(({ mountPath }) => mountPath === TOKEN_MOUNT_PATH))
  if (needing.length === 0) return
  const existing = spec.volumes?.find(({ name }) => name.startsWith('kube-api-access-'))
  const volume = existing ?? tokenVolume(`kube-api-access-${suffix}`)
  if (existing === undefined) spec.volumes = [...(spec.volumes ?? []), volume]
  for (const container of needing) {
    container.volumeMounts = [...(container.volumeMounts ?? []), { name: volume.name, readOnly: true, mountPath: TOKEN_MOUNT_PATH }]
  }
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: BOUND_TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ],
  },
})

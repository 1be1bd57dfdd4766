// `kubectl get nodes`.

import type { Node } from 'kubernetes-types/core/v1.d.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { ageOf, nameOf, NONE, UNKNOWN } from './cells.ts'

const ROLE_PREFIX = 'node-role.kubernetes.io/'

export const NODE_TABLE: TableLayout = {
  columns: columns('Name', 'Status', 'Roles', 'Age', 'Version', '+Internal-IP', '+External-IP', '+OS-Image', '+Kernel-Version', '+Container-Runtime'),
  row: (object, nowMs) => {
    const node = object as unknown as Node
    const info = node.status?.nodeInfo
    return {
      cells: [
        nameOf(object), formatStatus(node), formatRoles(node), ageOf(object, nowMs), info?.kubeletVersion ?? '',
        address(node, 'InternalIP'), address(node, 'ExternalIP'), info?.osImage || UNKNOWN, formatKernel(node), info?.containerRuntimeVersion || UNKNOWN,
      ],
    }
  },
}

function formatStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word
}

function formatRoles({ metadata }: Node): string {
  const found = new Set<string>()
  for (const [key, value] of Object.entries(metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) found.add(key.slice(ROLE_PREFIX.length))
    else if (key === 'kubernetes.io/role' && value !== '') found.add(value)
  }
  return found.size === 0 ? NONE : [...found].sort().join(',')
}

function formatKernel({ status }: Node): string {
  const { kernelVersion = '', architecture = '' } = status?.nodeInfo ?? {}
  if (kernelVersion === '') return UNKNOWN
  return architecture === '' ? kernelVersion : `${kernelVersion} (${architecture})`
}

const address = ({ status }: Node, wanted: string): string => status?.addresses?.find(({ type }) => type === wanted)?.address ?? NONE

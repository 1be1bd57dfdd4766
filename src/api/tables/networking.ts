// `kubectl get` of networking.k8s.io.

import type { Ingress, IngressClass, NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts'
import { columns, type TableLayout } from '../registry/table.ts'
import { formatSelector, layout, nameOf, NONE } from './cells.ts'

const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class'
const SHOWN_HOSTS = 3

export const NETWORK_POLICY_TABLE = layout<NetworkPolicy>({ own: ['Pod-Selector'], cells: ({ spec }) => [formatSelector(spec?.podSelector)] })

export const INGRESS_TABLE = layout<Ingress>({
  own: ['Class', 'Hosts', 'Address', 'Ports'],
  cells: ({ spec, status }) => [
    spec?.ingressClassName ?? NONE, formatHosts((spec?.rules ?? []).map(({ host }) => host ?? '').filter(host => host !== '')),
    (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter(text => text !== '').join(','),
    (spec?.tls?.length ?? 0) > 0 ? '80, 443' : '80',
  ],
})

function formatHosts(hosts: readonly string[]): string {
  if (hosts.length === 0) return '*'
  const more = hosts.length - SHOWN_HOSTS
  return more > 0 ? `${hosts.slice(0, SHOWN_HOSTS).join(',')} + ${more} more...` : hosts.join(',')
}

const plainClassTable = layout<IngressClass>({
  own: ['Controller', 'Parameters'],
  cells: ({ spec }) => [spec?.controller ?? '', formatParameters(spec?.parameters)],
})

export const INGRESS_CLASS_TABLE = {
  ...plainClassTable,
  row: (...[object, nowMs]: Parameters<typeof plainClassTable.row>) => {
    const row = plainClassTable.row(object, nowMs)
    const isDefault = object.metadata.annotations?.[DEFAULT_CLASS] === 'true'
    return isDefault ? { ...row, cells: [`${object.metadata.name} (default)`, ...row.cells.slice(1)] } : row
  },
}

function formatParameters(parameters: { kind: string; apiGroup?: string; name: string } | undefined): string {
  if (parameters === undefined) return NONE
  return `${parameters.kind}${(parameters.apiGroup ?? '') === '' ? '' : `.${parameters.apiGroup}`}/${parameters.name}`
}

export const SERVICE_CIDR_TABLE = layout<{ spec?: { cidrs?: string[] } }>({ own: ['CIDRs'], cells: ({ spec }) => [(spec?.cidrs ?? []).join(',')] })

type ParentRef = { group?: string; resource?: string; namespace?: string; name?: string }

/** Upstream sends the age as a third cell without a column for it; a table here has as many cells as columns. */
export const IP_ADDRESS_TABLE: TableLayout = {
  columns: columns('Name', 'ParentRef'),
  row: object => ({ cells: [nameOf(object), formatParent((object as { spec?: { parentRef?: ParentRef } }).spec?.parentRef)] }),
}

function formatParent(parent: ParentRef | undefined): string {
  if (parent === undefined) return ''
  const { group = '', resource = '', namespace = '', name = '' } = parent
  return [`${resource}${group === '' ? '' : `.${group}`}`, ...(namespace === '' ? [] : [namespace]), name].join('/')
}

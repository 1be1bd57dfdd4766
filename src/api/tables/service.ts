// `kubectl get services`.

import type { Service, ServicePort } from 'kubernetes-types/core/v1.d.ts'
import { serviceSpec } from '../strategies/service/service.ts'
import { formatLabels, layout, NONE } from './cells.ts'

export const SERVICE_TABLE = layout<Service>({
  own: ['Type', 'Cluster-IP', 'External-IP', 'Port(s)'],
  wide: ['Selector'],
  cells: service => {
    const spec = serviceSpec(service)
    return [spec.type ?? '', clusterIp(service), externalIp(service), formatPorts(spec.ports ?? [])]
  },
  wideCells: service => [formatLabels(service.spec?.selector)],
})

const clusterIp = ({ spec }: Service): string => spec?.clusterIPs?.[0] ?? (spec?.clusterIP || NONE)

function externalIp(service: Service): string {
  const { type, externalIPs = [], externalName = '' } = service.spec ?? {}
  switch (type) {
    case 'ExternalName': return externalName
    case 'LoadBalancer': {
      const assigned = [...new Set((service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter(text => text !== ''))].sort()
      const all = [...assigned, ...externalIPs]
      return all.length === 0 ? '<pending>' : all.join(',')
    }
    default: return externalIPs.length === 0 ? NONE : externalIPs.join(',')
  }
}

const formatPorts = (ports: readonly ServicePort[]): string => ports.length === 0 ? NONE : ports.map(({ port, nodePort = 0, protocol }) =>
  nodePort === 0 ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`).join(',')

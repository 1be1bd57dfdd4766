// v1 Service.

import { dns1123Label } from '../../metadata/names.ts'
import { statusRules, type Strategy } from '../../registry/strategy.ts'
import { serviceDefaults } from './defaults.ts'
import { serviceSpec } from './service.ts'
import { SERVICE_TABLE } from '../../tables/service.ts'
import { carryOver, normalizeNewClusterIps } from './transition.ts'
import { validateService, validateServiceStatus } from './validate.ts'
import { serviceWarnings } from './warnings.ts'

export const serviceStrategy = (base: Strategy): Strategy => ({
  ...base,
  nameRule: dns1123Label,
  applyDefaults: serviceDefaults,
  prepareForCreate: draft => {
    draft['status'] = { loadBalancer: {} }
    normalizeNewClusterIps(draft)
  },
  validateCreate: object => validateService(object),
  update: {
    prepare: (draft, old, context) => {
      base.update.prepare(draft, old, context)
      carryOver(draft, old)
    },
    validate: validateService,
  },
  subresources: { status: statusRules({ metadata: ['labels', 'annotations'], validate: validateServiceStatus }) },
  warnings: serviceWarnings,
  fieldLabels: ['spec.clusterIP', 'spec.type'],
  selectableFields: object => {
    const { clusterIP = '', type = '' } = serviceSpec(object)
    return { 'spec.clusterIP': clusterIP, 'spec.type': type }
  },
  createsOnUpdate: true,
  deleteReturnsObject: true,
  table: SERVICE_TABLE,
})

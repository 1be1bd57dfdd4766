// certificates.k8s.io/v1 CertificateSigningRequest: who asks is written down by the server, never by who asks
// (k8s.io/kubernetes/pkg/registry/certificates/certificates/strategy.go).

import type { CertificateSigningRequest, CertificateSigningRequestCondition } from 'kubernetes-types/certificates/v1.d.ts'
import { cloneJson, equalJson, formatTime, type ApiObject, type Draft } from '../../object.ts'
import { restore, statusRules, type Strategy, type UserInfo } from '../../registry/strategy.ts'
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../../status/field-error.ts'
import { SIGNING_REQUEST_TABLE } from '../../tables/policies.ts'

type Conditions = readonly CertificateSigningRequestCondition[]

/** k8s.io/api/certificates/v1 KeyUsage. */
const USAGES = [
  'any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature', 'email protection',
  'encipher only', 'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime',
  'server auth', 'signing', 'timestamping',
] as const
const MIN_SECONDS = 600
/** Decided once: may be given on /approval only, and never taken back. */
const DECISIONS: readonly string[] = ['Approved', 'Denied']

export const signingRequestStrategy = (base: Strategy): Strategy => ({
  ...base,
  prepareForCreate: (draft, context) => {
    draft['spec'] = { ...(draft['spec'] as object | undefined), ...requestor(context.user) }
    draft['status'] = {}
  },
  validateCreate: validateSpec,
  update: { prepare: (draft, old) => { restore(draft, old, 'spec'); restore(draft, old, 'status') }, validate: () => [] },
  subresources: {
    status: {
      prepare: (draft, old, context) => {
        onlyStatus(draft, old)
        const { conditions = [], ...status } = statusOf(draft)
        draft['status'] = { ...status, ...kept('conditions', timed([...decisions(old), ...conditions.filter(({ type }) => !DECISIONS.includes(type))], old, context.nowMs)) }
      },
      validate: validateStatus,
    },
    approval: {
      prepare: (draft, old, context) => {
        onlyStatus(draft, old)
        const { conditions = [] } = statusOf(draft)
        const others = (statusOf(old).conditions ?? []).filter(({ type }) => !DECISIONS.includes(type))
        draft['status'] = { ...statusOf(old), ...kept('conditions', timed([...conditions.filter(({ type }) => DECISIONS.includes(type)), ...others], old, context.nowMs)) }
      },
      validate: validateStatus,
    },
  },
  fieldLabels: ['spec.signerName'],
  selectableFields: object => ({ 'spec.signerName': (object['spec'] as Partial<CertificateSigningRequest['spec']> | undefined)?.signerName ?? '' }),
  table: SIGNING_REQUEST_TABLE,
})

const onlyStatus = statusRules({ metadata: ['labels', 'annotations'] }).prepare as (draft: Draft, old: ApiObject) => void
const statusOf = (object: ApiObject): { conditions?: Conditions; certificate?: string } => cloneJson((object['status'] ?? {}) as object)
const decisions = (object: ApiObject): Conditions => (statusOf(object).conditions ?? []).filter(({ type }) => DECISIONS.includes(type))
const kept = (field: string, list: Conditions): object => (list.length === 0 ? {} : { [field]: list })

const requestor = ({ username, uid, groups, extra }: UserInfo): object => ({
  username, uid, groups, extra: extra === undefined ? undefined : { ...extra },
})

/** A condition without times gets them: when it was written, and when its status last changed. */
function timed(conditions: Conditions, old: ApiObject, nowMs: number): Conditions {
  const before = new Map((statusOf(old).conditions ?? []).map(condition => [condition.type, condition]))
  const now = formatTime(nowMs) as unknown as CertificateSigningRequestCondition['lastUpdateTime'] & string
  return conditions.map(condition => {
    const former = before.get(condition.type)
    return {
      ...condition, lastUpdateTime: condition.lastUpdateTime ?? former?.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? (former !== undefined && former.status === condition.status ? former.lastTransitionTime : undefined) ?? now,
    } as CertificateSigningRequestCondition
  })
}

function validateSpec(object: ApiObject): readonly FieldError[] {
  const { request = '', signerName = '', usages = [], expirationSeconds } = ((object as unknown as CertificateSigningRequest).spec ?? {}) as Partial<CertificateSigningRequest['spec']>
  const errors: FieldError[] = []
  // The signature inside is checked by who signs: what is not sound stays without a certificate.
  if (!/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.test(Buffer.from(request, 'base64').toString('latin1'))) errors.push(invalid('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'))
  if (signerName === '') errors.push(required('spec.signerName'))
  else if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[a-z0-9A-Z]([-a-z0-9A-Z.:]*[a-z0-9A-Z])?$/.test(signerName)) {
    errors.push(invalid('spec.signerName', signerName, 'must be a fully qualified domain and path of the form "example.com/signer-name"'))
  }
  if (usages.length === 0) errors.push(required('spec.usages', 'usages must be specified'))
  usages.forEach((usage, index) => {
    if (!USAGES.includes(usage as 'any')) errors.push(notSupported(`spec.usages[${index}]`, usage, USAGES))
    if (usages.indexOf(usage) !== index) errors.push(duplicate(`spec.usages[${index}]`, usage))
  })
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS) errors.push(invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'))
  return errors
}

function validateStatus(next: ApiObject, old: ApiObject): readonly FieldError[] {
  const { conditions = [], certificate = '' } = statusOf(next)
  const errors: FieldError[] = []
  const types = conditions.map(({ type }) => type)
  if (types.includes('Approved') && types.includes('Denied')) errors.push(invalid('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'))
  conditions.forEach(({ type, status }, index) => {
    const at = `status.conditions[${index}]`
    if ((type ?? '') === '') errors.push(required(`${at}.type`))
    if (types.indexOf(type) !== index) errors.push(duplicate(`${at}.type`, type))
    if ([...DECISIONS, 'Failed'].includes(type) && status !== 'True') errors.push(notSupported(`${at}.status`, status, ['True']))
  })
  for (const former of statusOf(old).conditions ?? []) {
    if ([...DECISIONS, 'Failed'].includes(former.type) && !types.includes(former.type)) errors.push(forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(former.type)}`))
  }
  const before = statusOf(old).certificate ?? ''
  if (before !== '' && !equalJson(certificate, before)) errors.push(forbidden('status.certificate', 'updates may not modify a set certificate'))
  if (certificate !== '' && before === '' && !/-----BEGIN CERTIFICATE-----/.test(Buffer.from(certificate, 'base64').toString('latin1'))) {
    errors.push(invalid('status.certificate', '<certificate data>', 'only CERTIFICATE PEM blocks are allowed'))
  }
  return errors
}

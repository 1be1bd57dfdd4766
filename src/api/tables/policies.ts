// `kubectl get` of admissionregistration.k8s.io, flowcontrol, apiregistration and certificates.

import { columns, type TableLayout } from '../registry/table.ts'
import { formatDuration } from './age.ts'
import { ageOf, layout, nameOf, NONE, UNSET } from './cells.ts'

type Policy = { spec?: { validations?: unknown[]; mutations?: unknown[]; paramKind?: { apiVersion?: string; kind?: string } } }

const paramKind = ({ spec }: Policy): string => (spec?.paramKind === undefined ? UNSET : `${spec.paramKind.apiVersion ?? ''}/${spec.paramKind.kind ?? ''}`)

export const VALIDATING_POLICY_TABLE = layout<Policy>({ own: ['Validations(i)', 'ParamKind'], cells: policy => [policy.spec?.validations?.length ?? 0, paramKind(policy)] })
export const MUTATING_POLICY_TABLE = layout<Policy>({ own: ['Mutations(i)', 'ParamKind'], cells: policy => [policy.spec?.mutations?.length ?? 0, paramKind(policy)] })

type PolicyBinding = { spec?: { policyName?: string; paramRef?: { namespace?: string; name?: string } } }

export const POLICY_BINDING_TABLE = layout<PolicyBinding>({
  own: ['PolicyName', 'ParamRef'],
  cells: ({ spec }) => {
    const { namespace = '', name = '' } = spec?.paramRef ?? {}
    return [spec?.policyName ?? '', spec?.paramRef === undefined ? UNSET : namespace === '' ? name : `${namespace}/${name}`]
  },
})

export const WEBHOOK_TABLE = layout<{ webhooks?: unknown[] }>({ own: ['Webhooks(i)'], cells: ({ webhooks = [] }) => [webhooks.length] })

type FlowSchema = {
  spec?: { priorityLevelConfiguration?: { name?: string }; matchingPrecedence?: number; distinguisherMethod?: { type?: string } }
  status?: { conditions?: { type?: string; status?: string }[] }
}

export const FLOW_SCHEMA_TABLE: TableLayout = {
  columns: columns('Name', 'PriorityLevel', 'MatchingPrecedence', 'DistinguisherMethod', 'Age', 'MissingPL'),
  row: (object, nowMs) => {
    const { spec, status } = object as FlowSchema
    const dangling = status?.conditions?.find(({ type }) => type === 'Dangling')?.status
    return {
      cells: [
        nameOf(object), spec?.priorityLevelConfiguration?.name ?? '', String(spec?.matchingPrecedence ?? 0), spec?.distinguisherMethod?.type ?? NONE,
        ageOf(object, nowMs), dangling ?? '?',
      ],
    }
  },
}

type Queuing = { queues?: number; handSize?: number; queueLengthLimit?: number }
type PriorityLevel = {
  spec?: { type?: string; exempt?: { nominalConcurrencyShares?: number }; limited?: { nominalConcurrencyShares?: number; limitResponse?: { queuing?: Queuing } } }
}

export const PRIORITY_LEVEL_TABLE = layout<PriorityLevel>({
  own: ['Type', 'NominalConcurrencyShares', 'Queues', 'HandSize', 'QueueLengthLimit'],
  cells: ({ spec }) => {
    const shares = spec?.limited?.nominalConcurrencyShares ?? spec?.exempt?.nominalConcurrencyShares
    const queuing = spec?.limited?.limitResponse?.queuing
    const shown = (value: number | undefined): string => (value === undefined ? NONE : String(value))
    return [spec?.type ?? '', shown(shares), shown(queuing?.queues), shown(queuing?.handSize), shown(queuing?.queueLengthLimit)]
  },
})

type ApiServiceLike = { spec?: { service?: { namespace?: string; name?: string } }; status?: { conditions?: { type?: string; status?: string; reason?: string }[] } }

export const API_SERVICE_TABLE = layout<ApiServiceLike>({
  own: ['Service', 'Available'],
  cells: ({ spec, status }) => {
    const available = status?.conditions?.find(({ type }) => type === 'Available')
    const word = available === undefined ? 'Unknown' : available.status === 'True' ? 'True' : `${available.status} (${available.reason ?? ''})`
    return [spec?.service === undefined ? 'Local' : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`, word]
  },
})

type SigningRequest = {
  spec?: { signerName?: string; username?: string; expirationSeconds?: number }
  status?: { certificate?: string; conditions?: { type?: string }[] }
}

export const SIGNING_REQUEST_TABLE: TableLayout = {
  columns: columns('Name', 'Age', 'SignerName', 'Requestor', 'RequestedDuration', 'Condition'),
  row: (object, nowMs) => {
    const { spec, status } = object as SigningRequest
    const duration = spec?.expirationSeconds === undefined ? NONE : formatDuration(spec.expirationSeconds * 1000)
    return { cells: [nameOf(object), ageOf(object, nowMs), spec?.signerName ?? NONE, spec?.username ?? '', duration, condition(status)] }
  },
}

function condition(status: SigningRequest['status']): string {
  const types = (status?.conditions ?? []).map(({ type }) => type)
  const word = types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : 'Pending'
  return `${word}${types.includes('Failed') ? ',Failed' : ''}${(status?.certificate ?? '') === '' ? '' : ',Issued'}`
}

// CNI_ARGS: "K=V;K=V". Keys are case-sensitive; Kubernetes' own are known, others need IgnoreUnknown.

import { CniError } from '../cni-error.ts'

export type CniArgs = Readonly<{ ip: string | undefined; mac: string | undefined; podNamespace: string | undefined; podName: string | undefined }>

const KNOWN = ['IgnoreUnknown', 'IP', 'MAC', 'K8S_POD_NAMESPACE', 'K8S_POD_NAME', 'K8S_POD_INFRA_CONTAINER_ID', 'K8S_POD_UID']

export function parseCniArgs(text: string): CniArgs {
  const values = new Map<string, string>()
  for (const pair of text === '' ? [] : text.split(';')) {
    const parts = pair.split('=')
    if (parts.length !== 2) throw invalid(pair, 'is not of the form KEY=VALUE')
    values.set(parts[0]!, parts[1]!)
  }
  if (!truth(values.get('IgnoreUnknown') ?? 'false')) {
    const unknown = [...values.keys()].find(key => !KNOWN.includes(key))
    if (unknown !== undefined) throw invalid(`${unknown}=${values.get(unknown)}`, 'is unknown; IgnoreUnknown=1 lets it pass')
  }
  return { ip: values.get('IP'), mac: values.get('MAC'), podNamespace: values.get('K8S_POD_NAMESPACE'), podName: values.get('K8S_POD_NAME') }
}

function truth(value: string): boolean {
  const lower = value.toLowerCase()
  if (lower === '1' || lower === 'true') return true
  if (lower === '0' || lower === 'false') return false
  throw invalid(`IgnoreUnknown=${value}`, 'is neither 1, true, 0 nor false')
}

const invalid = (pair: string, problem: string): CniError => new CniError('CNI_INVALID_ENVIRONMENT', `CNI_ARGS: ${JSON.stringify(pair)} ${problem}`)

// resolv.conf(5) as host-local reads it: `domain` wins last, `search` and `options` accumulate.

import type { CniDns } from '../result/result.ts'

export function parseResolvConf(text: string): CniDns {
  const nameservers: string[] = []
  const search: string[] = []
  const options: string[] = []
  let domain: string | undefined
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/)
    if (values.length === 0 || key!.startsWith('#') || key!.startsWith(';')) continue
    if (key === 'nameserver') nameservers.push(values[0]!)
    else if (key === 'domain') domain = values[0]
    else if (key === 'search') search.push(...values)
    else if (key === 'options') options.push(...values)
  }
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain !== undefined && { domain }),
    ...(search.length > 0 && { search }),
    ...(options.length > 0 && { options }),
  }
}

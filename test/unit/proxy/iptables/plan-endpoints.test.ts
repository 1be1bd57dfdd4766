import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../../../src/net/ip/address.ts'
import type { Port } from '../../../../src/net/ip/port.ts'
import { planEndpoints, type Chains } from '../../../../src/proxy/iptables/plan-endpoints.ts'
import { Endpoint, NO_HINTS } from '../../../../src/proxy/tracker/endpoint.ts'
import { readService } from '../../../../src/proxy/tracker/read-service.ts'
import type { ServicePort } from '../../../../src/proxy/tracker/service-port.ts'

const port = readService({ metadata: { namespace: 'ns', name: 'a' }, spec: { clusterIP: '172.30.0.1', ports: [{ port: 80 }] } }, { family: 4, allowExternalIps: true }, [])[0] as ServicePort

const endpoint = (n: number): Endpoint => new Endpoint({
  address: parseAddress(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 'ip'), port: 80 as Port, locality: 'remote', ready: true, serving: true, terminating: false, hints: NO_HINTS,
})

/** With what probability each endpoint is chosen, following the rules as the kernel does. */
function chances(rules: readonly string[], chains: Chains, reach = 1, found = new Map<string, number>()): Map<string, number> {
  let left = reach
  for (const rule of rules) {
    const odds = Number(/--probability (\S+)/.exec(rule)?.[1] ?? 1)
    const target = /--to-destination (\S+)/.exec(rule)?.[1]
    const chain = /-j (KUBE-SEP-\S+)/.exec(rule)?.[1]
    if (target !== undefined) found.set(target, (found.get(target) ?? 0) + left * odds)
    else chances(chains.get(chain!)!, chains, left * odds, found)
    left -= left * odds
  }
  return found
}

test('however many endpoints there are, each is chosen with the same probability and no list is long', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), count => {
      const endpoints = Array.from({ length: count }, (_, i) => endpoint(i + 1))
      const chains: Chains = new Map()
      const rules = planEndpoints({ port, family: 4, set: 'cluster', endpoints, commented: false }, chains)
      const found = chances(rules, chains)
      t.is(found.size, count)
      for (const chance of found.values()) t.true(Math.abs(chance * count - 1) < 1e-4)
      for (const list of [rules, ...chains.values()]) t.true(list.length <= 32, `${list.length}`)
    }),
    { numRuns: 25 },
  )
})

test('one endpoint more or less in a large set changes two or three short chains', t => {
  const plan = (endpoints: readonly Endpoint[]): Map<string, string> => {
    const chains: Chains = new Map()
    const rules = planEndpoints({ port, family: 4, set: 'cluster', endpoints, commented: false }, chains)
    return new Map([['top', rules.join()], ...[...chains].map(([name, list]) => [name, list.join()] as const)])
  }
  const all = Array.from({ length: 1000 }, (_, i) => endpoint(i + 1))
  const before = plan(all)
  const after = plan(all.filter((_, i) => i !== 500))
  t.true([...before].filter(([name, rules]) => after.get(name) !== rules).length <= 3)
})

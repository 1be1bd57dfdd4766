import test from 'ava'
import { parseNetworkConfig } from '../../../src/agent/config/network-config.ts'
import { planReload } from '../../../src/agent/config/reload-plan.ts'
import { droppingForwardChains } from '../../../src/agent/rules/forward-policy.ts'
import { parsePrefix } from '../../../src/net/ip/prefix.ts'

const config = (backend: unknown, more: Readonly<Record<string, unknown>> = {}) =>
  parseNetworkConfig(JSON.stringify({ Network: '10.3.0.0/16', Backend: backend, ...more }), { source: 'test', store: 'kube' })

test('R28: what needs no renumbering is taken over at once, the rest waits for a start', t => {
  const running = config({ Type: 'vxlan' })
  const reload = planReload(running, config({ Type: 'vxlan', MTU: 1400, DirectRouting: true, Port: 4789 }, { Network: '10.0.0.0/8' }))
  t.deepEqual(reload.applied, ['Backend.MTU default -> 1400', 'Backend.DirectRouting false -> true'])
  t.deepEqual(reload.waiting, ['Network 10.3.0.0/16 -> 10.0.0.0/8', 'SubnetMin 10.3.1.0 -> 10.0.1.0', 'SubnetMax 10.3.255.0 -> 10.255.255.0', 'Backend.Port 0 -> 4789'])
  t.is(reload.config.pools, running.pools)
  t.deepEqual(planReload(running, running), { config: running, applied: [], waiting: [] })
})

test('R28: another backend or family waits, and a key is never told', t => {
  const running = config({ Type: 'vxlan' })
  const other = planReload(running, config({ Type: 'host-gw' }))
  t.is(other.config.backend.kind, 'vxlan')
  t.true(other.waiting.includes('Backend.Type vxlan -> host-gw'))
  const psk = Buffer.alloc(32, 7).toString('base64')
  const keyed = planReload(config({ Type: 'wireguard' }), config({ Type: 'wireguard', PSK: psk }))
  t.false(JSON.stringify(keyed.waiting).includes(psk))
  t.is(keyed.waiting.length, 1)
})

test('T54: only forward chains that drop by policy, of families that pods use, are named', t => {
  const chain = (more: object) => ({ chain: { family: 'ip', table: 'filter', name: 'FORWARD', handle: 1, ...more } })
  const listing = JSON.stringify({ nftables: [
    { metainfo: { version: '1.0.6' } },
    chain({ hook: 'forward', policy: 'drop' }), chain({ name: 'INPUT', hook: 'input', policy: 'drop' }), chain({ name: 'OK', hook: 'forward', policy: 'accept' }),
    chain({ family: 'inet', table: 'wall', name: 'guard', hook: 'forward', policy: 'drop' }), chain({ family: 'ip6', table: 'wall6', name: 'guard', hook: 'forward', policy: 'drop' }),
  ] })
  const networks = { 4: parsePrefix('10.3.0.0/16', 'n') }
  t.deepEqual(droppingForwardChains(listing, networks).map(text => /^chain \S+ of table \S+ \S+/.exec(text)![0]), ['chain FORWARD of table ip filter', 'chain guard of table inet wall'])
  t.is(droppingForwardChains(listing, { ...networks, 6: parsePrefix('fd00::/48', 'n') }).length, 3)
})

// Which VLANs a port is to carry, from the keys of the bridge plugin.

import test from 'ava'
import { carriesVlans, portVlansToSet, readPortVlans, withDefault } from '../../../cni/plugin/config/port-vlans.ts'
import { CniError } from '../../../cni/plugin/cni-error.ts'
import { Fields } from '../../../cni/plugin/request/fields.ts'
import { addVlansMessage, readPortVlans as readMessage, type PortVlan } from '../../../src/net/rtnetlink/bridge-vlans.ts'

const set = (config: object): readonly PortVlan[] | undefined => {
  const read = readPortVlans(new Fields(config), 'br0')
  return read && portVlansToSet(read)
}
const native = (id: number): PortVlan => ({ first: id, last: id, pvid: true, untagged: true })
const tagged = (first: number, last = first): PortVlan => ({ first, last, pvid: false, untagged: false })

test('a VLAN is carried untagged, a trunk tagged in runs; a trunk without one has VLAN 1 for untagged frames', t => {
  t.is(readPortVlans(new Fields({}), 'br0'), undefined)
  t.is(readPortVlans(new Fields({ vlan: 0, preserveDefaultVlan: true }), 'br0'), undefined)
  t.deepEqual(set({ vlan: 100 }), [native(100)])
  t.deepEqual(set({ vlanTrunk: [{ id: 7 }, { minID: 10, maxID: 12 }, { id: 13 }, { id: 7 }] }), [native(1), tagged(7), tagged(10, 13)])
  t.deepEqual(set({ vlan: 11, vlanTrunk: [{ minID: 10, maxID: 12, id: 20 }] }), [native(11), tagged(10), tagged(12), tagged(20)], 'the native VLAN does not become a tagged one')
  t.deepEqual(readPortVlans(new Fields({ vlanTrunk: [] }), 'br0'), { native: undefined, trunk: [], keepsDefault: false }, 'the bridge filters, the port stays as it is')
  t.is(set({ vlanTrunk: [] }), undefined)
})

test('ids out of range and half ranges are refused with their place (17)', t => {
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ vlan: 4095 }, /vlan: 4095/], [{ vlan: -1 }, /vlan: -1/], [{ vlanTrunk: [{ id: 0 }] }, /vlanTrunk\[0\]\.id: 0/],
    [{ vlanTrunk: [{ id: 1 }, { minID: 5 }] }, /vlanTrunk\[1\]\.maxID: is missing/], [{ vlanTrunk: [{ maxID: 5 }] }, /minID: is missing/],
    [{ vlanTrunk: [{ minID: 9, maxID: 5 }] }, /minID: 9 is greater than maxID 5/], [{ vlanTrunk: [{ minID: 1, maxID: 4095 }] }, /maxID: 4095/],
  ]
  for (const [config, message] of refused) t.is((t.throws(() => readPortVlans(new Fields(config), 'br0'), { instanceOf: CniError, message }) as CniError).number, 7)
  t.throws(() => readPortVlans(new Fields({ vlan: 100 }), 'a-long-bridge'), { message: /a-long-bridge\.100 would need more than 15 bytes/ })
})

test('a port carries what was asked for or it does not; the default VLAN may stay only where it is kept', t => {
  const wanted = readPortVlans(new Fields({ vlan: 100, vlanTrunk: [{ minID: 5, maxID: 6 }] }), 'br0')!
  const kept = { ...wanted, keepsDefault: true }
  const exact = portVlansToSet(wanted)!
  t.true(carriesVlans(wanted, exact))
  t.true(carriesVlans(wanted, [native(100), tagged(5), tagged(6)]), 'however the kernel groups them')
  t.false(carriesVlans(wanted, [native(100), tagged(5)]))
  t.false(carriesVlans(wanted, [...exact, tagged(7)]))
  t.false(carriesVlans(wanted, withDefault(exact)))
  t.true(carriesVlans(kept, withDefault(exact)))
  t.false(carriesVlans(wanted, undefined))
})

test('what is written into a message is read back from one', t => {
  const vlans = [native(1), tagged(7), tagged(10, 4094)]
  const bytes = addVlansMessage(42, vlans).finish(1, 0)
  t.deepEqual(readMessage(bytes.subarray(16)), { linkIndex: 42, vlans })
})

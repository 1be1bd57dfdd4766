import test from 'ava'
import { chooseNodeAddress, type HostAddress } from '../../../src/host/choose-address.ts'

const at = (link: string, address: string, isDefault = false): HostAddress => ({ link, address, isDefault })
const NAT = at('enp0s3', '10.0.2.15', true)

test('the NAT interface that every VirtualBox machine has is passed over, although the default route leads there', t => {
  t.is(chooseNodeAddress([NAT, at('enp0s8', '192.168.56.11')]), '192.168.56.11')
  t.is(chooseNodeAddress([NAT, at('enp0s8', '192.168.56.11')], '192.168.56.11'), '192.168.56.11')
  t.is(chooseNodeAddress([NAT, at('enp0s8', '192.168.56.11')], '10.0.2.15'), '192.168.56.11')
})

test('what QEMU\'s user network adds in IPv6 is passed over with it, and IPv4 comes first (seen in a virtual machine)', t => {
  t.is(chooseNodeAddress([NAT, at('ens4', '192.168.56.10'), at('enp0s3', 'fec0::5054:ff:fe12:3456', true), at('enp0s3', '2001:db8::3', true)]), '192.168.56.10')
  t.is(chooseNodeAddress([at('eth0', '192.0.2.7'), at('eth1', '2001:db8::5', true)]), '192.0.2.7')
  t.is(chooseNodeAddress([NAT, at('enp0s3', 'fec0::5054:ff:fe12:3456', true)]), '10.0.2.15')
})

test('a machine with nothing but the NAT interface uses it', t => t.is(chooseNodeAddress([NAT]), '10.0.2.15'))

test('of several addresses the one by the default route is taken, and never one of this machine\'s own bridges', t => {
  t.is(chooseNodeAddress([at('cni0', '10.244.0.1'), at('eth1', '192.0.2.7'), at('eth0', '198.51.100.4', true)]), '198.51.100.4')
  t.is(chooseNodeAddress([at('docker0', '172.17.0.1'), at('flannel.1', '10.244.0.0'), at('eth1', '192.0.2.7')]), '192.0.2.7')
  t.is(chooseNodeAddress([at('eth0', 'fe80::1', true), at('eth0', '2001:db8::5', true)]), '2001:db8::5')
})

test('a machine without any asks for one', t => t.regex(t.throws(() => chooseNodeAddress([at('lo', '127.0.0.1'), at('docker0', '172.17.0.1')])).message, /--node-ip/))

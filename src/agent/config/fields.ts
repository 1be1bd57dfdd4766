// Every member of the network configuration, for the reference: the parsers ask for exactly these (a test compares).

export type ConfigField = Readonly<{ name: string; value: string; fallback: string; help: string }>

const field = (name: string, value: string, fallback: string, help: string): ConfigField => ({ name, value, fallback, help })

export const NETWORK_FIELDS: readonly ConfigField[] = [
  field('EnableIPv4', 'true or false', 'true', 'pods have IPv4 addresses'),
  field('EnableIPv6', 'true or false', 'false', 'pods have IPv6 addresses'),
  field('Network', 'prefix', 'none', 'the IPv4 addresses of all pods; needed with EnableIPv4'),
  field('SubnetLen', '10 to 30', '24', 'length of a host\'s subnet'),
  field('SubnetMin', 'address', 'the second subnet of Network', 'first subnet that may be leased; where leases come from etcd'),
  field('SubnetMax', 'address', 'the last subnet of Network', 'last subnet that may be leased; where leases come from etcd'),
  field('IPv6Network', 'prefix', 'none', 'the IPv6 addresses of all pods; needed with EnableIPv6'),
  field('IPv6SubnetLen', 'up to 126', '64', 'length of a host\'s IPv6 subnet'),
  field('IPv6SubnetMin', 'address', 'the second subnet of IPv6Network', 'first IPv6 subnet that may be leased; where leases come from etcd'),
  field('IPv6SubnetMax', 'address', 'the last subnet of IPv6Network', 'last IPv6 subnet that may be leased; where leases come from etcd'),
  field('EnableNFTables', 'true or false', 'false', 'masquerading and forwarding by nftables instead of iptables'),
  field('Backend', 'object', '{"Type": "udp"}', 'how pods on different hosts reach each other'),
]

export const BACKEND_FIELDS: Readonly<Record<string, readonly ConfigField[]>> = {
  vxlan: [
    field('VNI', '0 to 16777215', '1', 'network identifier; the device is flannel.<VNI>'),
    field('Port', '0 to 65535', '0: the kernel\'s 8472', 'UDP port, the same on every host'),
    field('MTU', '576 to 65535', 'that of the interface between hosts', 'MTU of that interface to assume'),
    field('GBP', 'true or false', 'false', 'group based policy'),
    field('Learning', 'true or false', 'false', 'learn addresses from packets, besides those of the leases'),
    field('DirectRouting', 'true or false', 'false', 'plain routes to hosts on the same link'),
    field('TxChecksumOffload', 'auto, on or off', 'auto', 'auto turns it off behind NAT, where cards get it wrong'),
  ],
  'host-gw': [],
  ipip: [field('DirectRouting', 'true or false', 'false', 'plain routes to hosts on the same link')],
  wireguard: [
    field('ListenPort', '0 to 65535', '51820', 'UDP port over IPv4'),
    field('ListenPortV6', '0 to 65535', '51821', 'UDP port over IPv6, with Mode separate'),
    field('MTU', '576 to 65535', 'that of the interface between hosts', 'MTU of that interface to assume'),
    field('PSK', 'key, base64', 'none', 'a further secret that all hosts share (wg genpsk)'),
    field('PersistentKeepaliveInterval', '0 to 65535', '0', 'seconds between keep-alives; 0: none'),
    field('Mode', 'separate, auto, ipv4 or ipv6', 'separate', 'one device per family, or one for both over either family'),
  ],
  udp: [field('Port', '0 to 65535', '8285', 'UDP port, the same on every host')],
  extension: [
    field('PreStartupCommand', 'command', 'none', 'run before the network is set up; its output is published as BackendData'),
    field('PostStartupCommand', 'command', 'none', 'run when the network is set up'),
    field('SubnetAddCommand', 'command', 'none', 'run for every other host'),
    field('SubnetRemoveCommand', 'command', 'none', 'run for every host that went'),
  ],
  alloc: [],
}

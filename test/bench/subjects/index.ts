// Every subject, in the order in which a run without names takes them.

import type { Subject } from '../subject.ts'

export const SUBJECTS: readonly Subject[] = [
  { name: 'agent', about: 'leases to kernel, cost at rest and tunnels of the agent beside flanneld, and a simulation of 5,000 hosts', load: () => import('./agent.ts') },
  { name: 'api-server', about: 'creates, lists, watches, memory and start of the API server beside kube-apiserver with etcd', load: () => import('./api-server.ts') },
  { name: 'cni', about: 'ADD and DEL of pods beside the upstream bridge and host-local plugins', load: () => import('./cni.ts') },
  { name: 'proxy-iptables', about: 'first programming of the service proxy in iptables mode beside a real kube-proxy', load: () => import('./proxy-iptables.ts') },
  { name: 'proxy-iptables-change', about: 'one changed endpoint in iptables mode beside a real kube-proxy', load: () => import('./proxy-iptables-change.ts') },
  { name: 'proxy-iptables-plan', about: 'work in the process per change in iptables mode, beside few and many services', load: () => import('./proxy-iptables-plan.ts') },
  { name: 'proxy-nftables', about: 'the service proxy in nftables mode beside a real kube-proxy', load: () => import('./proxy-nftables.ts') },
  { name: 'proxy-nftables-growth', about: 'how the cost of nftables mode grows from 10 to 100,000 services, beside a real kube-proxy', load: () => import('./proxy-nftables-growth.ts') },
  { name: 'startup', about: 'start of a cluster, from nothing to the first answer at a node port, beside the same hosts of upstream parts', load: () => import('./startup.ts') },
  { name: 'latency', about: 'new connections beside many services and beside few, both modes', load: () => import('./latency.ts') },
  { name: 'footprint', about: 'resident memory and idle processor time of every daemon', load: () => import('./footprint.ts') },
]

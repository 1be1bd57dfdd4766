// The goals that the project set itself, in one table. `--check` holds a run against it.
// A bound of kind "ratio" is the median of our samples divided by the median of the peer's.

export type Bound =
  | Readonly<{ kind: 'max'; statistic: 'p50' | 'p99' | 'max'; value: number }>
  | Readonly<{ kind: 'min'; statistic: 'p50' | 'min'; value: number }>
  | Readonly<{ kind: 'ratio-max'; value: number }>
  | Readonly<{ kind: 'ratio-min'; value: number }>

export type Goal = Readonly<{ subject: string; key: string; says: string; bound: Bound }>

const p50 = (value: number): Bound => ({ kind: 'max', statistic: 'p50', value })
const p99 = (value: number): Bound => ({ kind: 'max', statistic: 'p99', value })

export const GOALS: readonly Goal[] = [
  { subject: 'proxy-iptables', key: 'first-programming/5000x10', says: 'first programming of 5,000 services with 10 endpoints each: at most a fifth of kube-proxy', bound: { kind: 'ratio-max', value: 1 / 5 } },
  { subject: 'proxy-iptables-change', key: 'one-change/10000', says: 'one endpoint change among 10,000 services, API write to kernel: at most a third of kube-proxy', bound: { kind: 'ratio-max', value: 1 / 3 } },
  { subject: 'proxy-iptables-change', key: 'one-change/10000', says: 'one endpoint change among 10,000 services: within 100 ms p99 on iptables-nft', bound: p99(100) },
  { subject: 'proxy-iptables-plan', key: 'plan-growth/10000', says: 'user-space work per change does not grow with the number of services (against 10 services)', bound: { kind: 'ratio-max', value: 1.5 } },
  { subject: 'latency', key: 'iptables/last-of-10000', says: 'new connection to the last of 10,000 services: at most 1.3 times that with one', bound: { kind: 'ratio-max', value: 1.3 } },
  { subject: 'latency', key: 'iptables/no-service-10000', says: 'new connection to no service beside 10,000: at most 1.3 times that beside one', bound: { kind: 'ratio-max', value: 1.3 } },
  { subject: 'latency', key: 'nftables/44128', says: 'new connection with 44,128 services: within 5 % of that with 10', bound: { kind: 'ratio-max', value: 1.05 } },
  { subject: 'proxy-nftables', key: 'first-programming/5006x50', says: '5,006 services with 250,011 endpoints programmed under 3 s', bound: p50(3000) },
  { subject: 'proxy-nftables', key: 'first-programming/44128x1', says: '44,128 services with one endpoint each programmed under 2 s', bound: p50(2000) },
  { subject: 'proxy-nftables', key: 'one-change-inside/44128x1', says: 'one endpoint change inside the proxy: under 1 ms p50', bound: p50(1) },
  { subject: 'proxy-nftables', key: 'one-change-inside/44128x1', says: 'one endpoint change inside the proxy: under 5 ms p99', bound: p99(5) },
  { subject: 'proxy-nftables', key: 'one-change-inside/5006x50', says: 'one endpoint change at 250,011 endpoints: under 1 ms p50', bound: p50(1) },
  { subject: 'proxy-nftables', key: 'one-change-inside/5006x50', says: 'one endpoint change at 250,011 endpoints: under 5 ms p99', bound: p99(5) },
  { subject: 'proxy-nftables', key: 'one-change/44128x1', says: 'one endpoint change from API write to kernel: under 15 ms p99', bound: p99(15) },
  { subject: 'proxy-nftables', key: 'cold-start-batch/5006x50', says: 'no netlink batch of a cold start holds the nf_tables lock longer than 20 ms', bound: { kind: 'max', statistic: 'max', value: 20 } },
  { subject: 'api-server', key: 'durable-creates/16-writers', says: 'durable creates per second: at least 8 times kube-apiserver with etcd', bound: { kind: 'ratio-min', value: 8 } },
  { subject: 'api-server', key: 'create-latency/16-writers', says: 'durable create with 16 writers: p50 under 5 ms', bound: p50(5) },
  { subject: 'api-server', key: 'create-latency/1-writer', says: 'durable create of a single writer: p50 under 1.5 ms', bound: p50(1.5) },
  { subject: 'api-server', key: 'list/10000', says: 'list of 10,000 services under 150 ms', bound: p50(150) },
  { subject: 'api-server', key: 'fan-out/1000', says: 'one event to 1,000 watchers: last delivery under 50 ms', bound: p50(50) },
  { subject: 'api-server', key: 'resident/10000x100000', says: 'resident memory with 10,000 services and 100,000 endpoints under 300 MB', bound: p50(300) },
  { subject: 'api-server', key: 'start/10000x100000', says: 'start on that store under 2 s', bound: p50(2000) },
  { subject: 'cni', key: 'add', says: 'ADD p50 under 6 ms', bound: p50(6) },
  { subject: 'cni', key: 'add', says: 'ADD p99 under 15 ms', bound: p99(15) },
  { subject: 'cni', key: 'del', says: 'DEL p50 under 6 ms', bound: p50(6) },
  { subject: 'cni', key: 'concurrent-add/200', says: '200 concurrent ADDs in under 1.5 s', bound: { kind: 'max', statistic: 'max', value: 1500 } },
  { subject: 'cni', key: 'add/250th', says: 'the 250th pod costs what the first did', bound: { kind: 'ratio-max', value: 1.25 } },
  { subject: 'agent', key: 'apply/1000', says: "1,000 hosts' leases applied on start in under 1 s", bound: p50(1000) },
  { subject: 'agent', key: 'new-lease/1000', says: 'a new lease among 1,000 reaches the kernel within 20 ms p50', bound: p50(20) },
  { subject: 'agent', key: 'new-lease/1000', says: 'a new lease among 1,000 reaches the kernel within 100 ms p99', bound: p99(100) },
  { subject: 'agent', key: 'processor/1000', says: 'steady-state CPU with 1,000 leases near zero: at most 1 % of a processor', bound: p50(1) },
  { subject: 'agent', key: 'resident/1000', says: 'agent resident memory with 1,000 leases under 90 MB', bound: p50(90) },
  { subject: 'agent', key: 'throughput/vxlan', says: 'vxlan throughput equals the same devices configured by hand (3 %)', bound: { kind: 'ratio-min', value: 0.97 } },
  { subject: 'agent', key: 'latency/vxlan', says: 'vxlan latency equals the same devices configured by hand (3 %)', bound: { kind: 'ratio-max', value: 1.03 } },
  { subject: 'agent', key: 'throughput/udp', says: "udp backend throughput at least 0.8 of flannel's", bound: { kind: 'ratio-min', value: 0.8 } },
  { subject: 'footprint', key: 'resident/agent', says: 'agent resident memory under 90 MB', bound: p50(90) },
  { subject: 'footprint', key: 'resident/proxy-iptables-10000x100000', says: 'proxy (iptables) with 10,000 services and 100,000 endpoints under 150 MB', bound: p50(150) },
  { subject: 'footprint', key: 'resident/proxy-nftables-250011', says: 'proxy (nftables) with 250,011 endpoints under 250 MB', bound: p50(250) },
  { subject: 'startup', key: 'parts/2-hosts', says: "two hosts of Weft's parts answer at a node port no later than two of upstream's", bound: { kind: 'ratio-max', value: 1 } },
]

// `weft doctor`: what is in the way of Weft on this host, before and after its installation.

import { Command, Option } from 'commander'
import { chooseNodeAddress } from '../host/choose-address.ts'
import { gatherApi, gatherHealth, gatherPeers, gatherUnits } from '../host/doctor/gather-cluster.ts'
import { gatherHost } from '../host/doctor/gather.ts'
import type { HostFacts } from '../host/doctor/facts.ts'
import { examine, exitCode, findingsJson, formatFindings } from '../host/doctor/report.ts'
import { listHostAddresses } from '../host/host-addresses.ts'
import { NODE_KUBECONFIG } from '../host/host-paths.ts'
import { HostFiles } from '../host/install/host-files.ts'
import { readSettings } from '../host/install/install-host.ts'
import { AGENT_HEALTH_PORT, API_PORT } from '../host/install/plan-flags.ts'
import { unitsOf } from '../host/install/plan-units.ts'
import { BACKENDS, DEFAULT_CLUSTER, PROXY_MODES, ROLES, type HostSettings } from '../host/settings.ts'
import { formatAddress } from '../net/ip/address.ts'
import { systemClock } from '../ops/clock.ts'

type Flags = Readonly<{
  role?: HostSettings['role']
  nodeIp?: string
  podCidr?: string
  serviceCidr?: string
  backend?: HostSettings['backend']
  proxyMode?: HostSettings['proxyMode']
  server?: string
  output: 'text' | 'json'
  strict: boolean
}>

const PROXY_HEALTH_PORT = 10_256
const DEADLINE_MS = 60_000

export const command = (): Command =>
  new Command()
    .addOption(new Option('-o, --output <form>', 'how to tell').choices(['text', 'json']).default('text'))
    .option('--strict', 'warnings, and what cannot be found out, set the exit code, too', false)
    .addOption(new Option('--role <role>', 'before an installation: what the host is to become').choices(ROLES))
    .option('--node-ip <address>', 'before an installation: its address to the other hosts')
    .option('--server <url>', 'before a join: the API server, to see whether it can be reached')
    .option('--pod-cidr <prefix>', 'before an installation: pods\' addresses')
    .option('--service-cidr <prefix>', 'before an installation: cluster IPs')
    .addOption(new Option('--backend <kind>', 'before an installation: how pods on different hosts will reach each other').choices(BACKENDS))
    .addOption(new Option('--proxy-mode <mode>', 'before an installation: how the proxy will write its rules').choices(PROXY_MODES))
    .action(async (flags: Flags) => {
      const findings = examine(await gather(flags, AbortSignal.timeout(DEADLINE_MS)))
      process.stdout.write(flags.output === 'json' ? findingsJson(findings) : formatFindings(findings))
      process.exitCode = exitCode(findings, flags)
    })

async function gather(flags: Flags, signal: AbortSignal): Promise<HostFacts> {
  const installed = await readSettings(new HostFiles('/')).catch((error: NodeJS.ErrnoException) => {
    // Root's alone; without it the host is looked at as it is.
    if (error.code === 'EACCES') return undefined
    throw error
  })
  const nodeIp = flags.nodeIp ?? installed?.nodeIp ?? ownAddress()
  const settings = {
    role: flags.role ?? installed?.role ?? 'worker', podCidr: flags.podCidr ?? installed?.podCidr ?? DEFAULT_CLUSTER.podCidr, serviceCidr: flags.serviceCidr ?? installed?.serviceCidr ?? DEFAULT_CLUSTER.serviceCidr,
    backend: flags.backend ?? installed?.backend ?? DEFAULT_CLUSTER.backend, proxyMode: flags.proxyMode ?? installed?.proxyMode ?? DEFAULT_CLUSTER.proxyMode,
    apiServer: flags.server === undefined ? installed?.apiServer ?? `https://127.0.0.1:${API_PORT}` : /^https:/.test(flags.server) ? flags.server : `https://${flags.server}`,
  }
  const host = await gatherHost({ settings, nodeIp }, { signal })
  const mtu = host.links.find(({ addresses }) => addresses.some(({ address }) => formatAddress(address) === nodeIp))?.mtu
  const asksApi = installed !== undefined || flags.server !== undefined
  return {
    ...host,
    installed: installed === undefined ? undefined : { role: installed.role, nodeName: installed.nodeName, runtime: installed.runtime },
    units: installed === undefined ? [] : await gatherUnits(unitsOf(installed), { signal }),
    health: installed === undefined ? [] : await gatherHealth([{ name: 'weft-agent', port: AGENT_HEALTH_PORT }, { name: 'weft-proxy', port: PROXY_HEALTH_PORT }], { signal }),
    api: asksApi ? await gatherApi(settings.apiServer, () => systemClock.now(), { signal }) : undefined,
    peers: installed === undefined ? [] : await gatherPeers({ kubeconfig: NODE_KUBECONFIG, ownName: installed.nodeName, mtu, signal }),
  }
}

function ownAddress(): string | undefined {
  try {
    return chooseNodeAddress(listHostAddresses())
  } catch {
    // The check of the address says so.
    return undefined
  }
}

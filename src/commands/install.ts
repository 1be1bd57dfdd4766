// `weft install`: makes this machine a host of a cluster, or brings what is installed up to this release.

import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { openApiClient } from '../client/api-client.ts'
import { loadKubeconfig } from '../client/kubeconfig/load.ts'
import { chooseNodeAddress } from '../host/choose-address.ts'
import { clusterObjects, ensureClusterObjects } from '../host/cluster/cluster-objects.ts'
import { ensureControlPlaneFiles } from '../host/cluster/control-plane-files.ts'
import { listHostAddresses } from '../host/host-addresses.ts'
import { ADMIN_KUBECONFIG, NODE_KUBECONFIG } from '../host/host-paths.ts'
import { HostFiles } from '../host/install/host-files.ts'
import { noSystem, realSystem } from '../host/install/host-system.ts'
import { installHost, readSettings } from '../host/install/install-host.ts'
import { API_PORT } from '../host/install/plan-flags.ts'
import { BACKENDS, DEFAULT_CLUSTER, PROXY_MODES, ROLES, RUNTIMES, type HostSettings } from '../host/settings.ts'
import { formatHostPort } from '../net/ip/port.ts'
import { systemClock } from '../ops/clock.ts'
import { InputError } from '../ops/errors.ts'
import { silentLog } from '../ops/log.ts'
import { projectFile } from '../ops/project.ts'
import { waitFor } from '../ops/wait-for.ts'

export type InstallFlags = Readonly<{
  role?: HostSettings['role']
  nodeName?: string
  nodeIp?: string
  runtime?: HostSettings['runtime']
  podCidr?: string
  serviceCidr?: string
  backend?: HostSettings['backend']
  proxyMode?: HostSettings['proxyMode']
  advertise?: string
  root: string
}>

/** A machine of two cores that is busy with its first start. */
const SERVING_MS = 120_000

/** Flags left out mean what the last installation was told, and the usual at the first one. */
export const command = (): Command =>
  new Command()
    .addOption(new Option('--role <role>', 'control-plane: API server and controllers, too; worker: join a cluster next (default: worker)').choices(ROLES))
    .option('--node-name <name>', 'name of the Node object (default: the host name)')
    .option('--node-ip <address>', 'address under which the other hosts reach this one (default: found out; NAT interfaces that all virtual machines share are passed over)')
    .addOption(new Option('--runtime <kind>', 'what runs pods: processes, or none where a kubelet is installed by somebody else (default: processes)').choices(RUNTIMES))
    .option('--pod-cidr <prefix>', `control plane: pods' addresses (default: ${DEFAULT_CLUSTER.podCidr})`)
    .option('--service-cidr <prefix>', `control plane: cluster IPs (default: ${DEFAULT_CLUSTER.serviceCidr})`)
    .addOption(new Option('--backend <kind>', `control plane: how pods on different hosts reach each other (default: ${DEFAULT_CLUSTER.backend})`).choices(BACKENDS))
    .addOption(new Option('--proxy-mode <mode>', `control plane: how the proxies write their rules (default: ${DEFAULT_CLUSTER.proxyMode})`).choices(PROXY_MODES))
    .option('--advertise <host[:port]>', `control plane: name or address of the API server for the other hosts (default: the node address, port ${API_PORT})`)
    .option('--root <folder>', 'place files below this folder and touch nothing else', '/')
    .action(async (flags: InstallFlags) => {
      const files = new HostFiles(flags.root)
      requireRoot(flags.root)
      const signal = new AbortController().signal
      const settings = settingsOf(flags, await readSettings(files))
      let authorityPem = ''
      await installHost({
        settings, files, signal, source: sourceFolder(), system: systemOf(flags.root), tell: say,
        prepare: async () => { if (settings.role === 'control-plane') authorityPem = await ensureControlPlaneFiles(files, settings, systemClock.now()) },
      })
      if (settings.role === 'control-plane' && flags.root === '/') await prepareCluster(settings, authorityPem, signal)
      else if (settings.role === 'worker' && await files.read(NODE_KUBECONFIG) === undefined) say('next: run on the control plane "weft token create --print-join-command", and here what it prints')
    })

export const say = (line: string): void => void process.stdout.write(`${line}\n`)
export const systemOf = (root: string): typeof realSystem => (root === '/' ? realSystem : noSystem)
/** The checkout or package that this very program is of. */
export const sourceFolder = (): string => projectFile('.')

export function requireRoot(root: string): void {
  if (root === '/' && process.getuid?.() !== 0) throw new InputError('user', process.getuid?.() ?? '', 'is not root: run it with sudo')
}

function settingsOf(flags: InstallFlags, before: HostSettings | undefined): HostSettings {
  const role = flags.role ?? before?.role ?? 'worker'
  const nodeIp = flags.nodeIp ?? before?.nodeIp ?? chooseNodeAddress(listHostAddresses())
  return {
    role, nodeIp,
    nodeName: flags.nodeName ?? before?.nodeName ?? hostname().toLowerCase(),
    runtime: flags.runtime ?? before?.runtime ?? 'processes',
    podCidr: flags.podCidr ?? before?.podCidr ?? DEFAULT_CLUSTER.podCidr,
    serviceCidr: flags.serviceCidr ?? before?.serviceCidr ?? DEFAULT_CLUSTER.serviceCidr,
    backend: flags.backend ?? before?.backend ?? DEFAULT_CLUSTER.backend,
    proxyMode: flags.proxyMode ?? before?.proxyMode ?? DEFAULT_CLUSTER.proxyMode,
    apiServer: flags.advertise === undefined ? before?.apiServer ?? `https://${formatHostPort(nodeIp, API_PORT)}` : advertised(flags.advertise),
  }
}

const advertised = (text: string): string => `https://${/:\d+$/.test(text) ? text : `${text}:${API_PORT}`}`

async function prepareCluster(settings: HostSettings, authorityPem: string, signal: AbortSignal): Promise<void> {
  await using client = openApiClient({ config: await loadKubeconfig({ path: ADMIN_KUBECONFIG }), userAgent: 'weft-install', log: silentLog() })
  await waitFor({ what: `the API server at ${settings.apiServer} (journalctl -u weft-apiserver)`, timeoutMs: SERVING_MS, signal, look: async () => ((await client.text('/readyz', { signal })).trim() === 'ok' ? { value: undefined } : 'it is not ready') })
  await ensureClusterObjects(client, clusterObjects({ settings, apiServer: settings.apiServer, authorityPem }), { signal })
  say(`API server at ${settings.apiServer}; kubeconfig: ${ADMIN_KUBECONFIG}`)
  say('next: weft token create --print-join-command')
}

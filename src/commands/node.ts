// `weft node`: runs the pods that are bound to this machine. Flags are kubelet's where it has them.

import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { openApiClient } from '../client/api-client.ts'
import { loadKubeconfig } from '../client/kubeconfig/load.ts'
import { CniNetwork } from '../node/cni/cni-network.ts'
import { PodFolders } from '../node/process-runtime/pod-folders.ts'
import { readMachineFacts } from '../node/registration/machine-facts.ts'
import { removeAllPods } from '../node/remove-all-pods.ts'
import { runNode, type NodeOptions } from '../node/run-node.ts'
import { formatAddress, parseAddress } from '../net/ip/address.ts'
import { systemClock } from '../ops/clock.ts'
import { InputError } from '../ops/errors.ts'
import { LOG_LEVELS, openLog, type LogLevel } from '../ops/log.ts'
import { runProcess } from '../ops/process.ts'
import { mainProgram, packageVersion } from '../ops/project.ts'

type Flags = Readonly<{
  kubeconfig?: string
  hostnameOverride: string
  nodeIp: string
  cniConfDir: string
  cniBinDir: string
  rootDir: string
  tlsCertFile?: string
  tlsPrivateKeyFile?: string
  clientCaFile?: string
  port: string
  maxPods: string
  nodeLabels: string
  cleanup: boolean
  logLevel: LogLevel
}>

/** The Kubernetes version whose kubelet behaves as this part does. */
const KUBERNETES_MINOR = 36

export const command = (): Command =>
  new Command()
    .option('--kubeconfig <file>', 'how to reach the API server')
    .addOption(new Option('--hostname-override <name>', 'name of the Node object').default(process.env['NODE_NAME'] ?? hostname(), '$NODE_NAME, else the host name'))
    .requiredOption('--node-ip <address[,address]>', 'addresses of this node, at most one per family')
    .option('--cni-conf-dir <folder>', 'network configurations; the first by name counts', '/etc/cni/net.d')
    .option('--cni-bin-dir <folder[,folder]>', 'CNI plugins', '/opt/cni/bin')
    .option('--root-dir <folder>', 'state and logs of pods', '/var/lib/weft/node')
    .option('--tls-cert-file <file>', 'certificate of the port from which the API server reads logs, PEM (default: no such port)')
    .option('--tls-private-key-file <file>', 'its private key, PEM')
    .option('--client-ca-file <file>', 'authority of those who may ask there, PEM')
    .option('--port <port>', 'that port, on the first address of --node-ip', '10250')
    .option('--max-pods <number>', 'how many pods the scheduler may place here', '110')
    .option('--node-labels <name=value,…>', 'further labels of the Node object', '')
    .option('--cleanup', 'end and remove all pods of this host, and end', false)
    .addOption(new Option('--log-level <level>', 'least severe messages to log').choices(LOG_LEVELS).default('info'))
    .action(async (flags: Flags) => {
      const log = openLog({ level: flags.logLevel }).child({ component: 'node', node: flags.hostnameOverride })
      await runProcess(log, async signal => {
        await mkdir(flags.rootDir, { recursive: true, mode: 0o700 })
        const version = `v1.${KUBERNETES_MINOR}.0+weft${packageVersion()}`
        const folders = new PodFolders(flags.rootDir)
        const endpoint = readEndpoint(flags)
        const network = new CniNetwork({
          configFolder: flags.cniConfDir, binFolders: flags.cniBinDir.split(/[,:]/).filter(folder => folder !== ''), cacheFolder: folders.cniCache,
          sleep: durationMs => systemClock.sleep(durationMs, { signal }),
        })
        if (flags.cleanup) return removeAllPods({ folders, network, clock: systemClock, log, signal })
        await using client = openApiClient({ config: await loadKubeconfig({ path: flags.kubeconfig }), userAgent: `weft-node/${packageVersion()}`, log })
        await runNode({
          client, folders, network, log, signal, clock: systemClock, endpoint,
          facts: readMachineFacts({
            name: flags.hostnameOverride, addresses: parseNodeAddresses(flags.nodeIp), version, rootFolder: flags.rootDir,
            maxPods: parseCount(flags.maxPods, '--max-pods'), labels: parseLabels(flags.nodeLabels), kubeletPort: endpoint?.port,
          }),
          programs: repository => (repository === 'weft/echo' ? [process.execPath, mainProgram(), 'echo'] : undefined),
        })
      })
    })

function readEndpoint({ tlsCertFile, tlsPrivateKeyFile, clientCaFile, port, nodeIp }: Flags): NodeOptions['endpoint'] {
  if (tlsCertFile === undefined && tlsPrivateKeyFile === undefined && clientCaFile === undefined) return undefined
  const number = parseCount(port, '--port')
  if (number > 65_535) throw new InputError('--port', port, 'is not a port')
  return {
    address: parseNodeAddresses(nodeIp)[0]!, port: number, certificatePem: readFlagFile('--tls-cert-file', tlsCertFile),
    privateKeyPem: readFlagFile('--tls-private-key-file', tlsPrivateKeyFile), clientCaPem: readFlagFile('--client-ca-file', clientCaFile),
  }
}

function readFlagFile(flag: string, path: string | undefined): string {
  if (path === undefined) throw new InputError(flag, '', 'must be given when one of --tls-cert-file, --tls-private-key-file and --client-ca-file is')
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new InputError(flag, path, `cannot be read: ${(cause as Error).message}`, { cause })
  }
}

function parseNodeAddresses(text: string): readonly string[] {
  const addresses = text.split(',').map(part => parseAddress(part.trim(), '--node-ip'))
  if (new Set(addresses.map(({ family }) => family)).size !== addresses.length) throw new InputError('--node-ip', text, 'names two addresses of one family')
  return addresses.map(formatAddress)
}

function parseCount(text: string, field: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InputError(field, text, 'is not a positive number')
  return Number(text)
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(text.split(',').filter(part => part !== '').map(part => {
    const [name, value, more] = part.split('=')
    if (name === undefined || name === '' || value === undefined || more !== undefined) throw new InputError('--node-labels', part, 'is not name=value')
    return [name, value]
  }))
}


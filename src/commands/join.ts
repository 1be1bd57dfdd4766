// `weft join`: makes this machine a worker of a cluster. Flags are kubeadm join's.

import { hostname } from 'node:os'
import { Command, Option } from 'commander'
import { parseBootstrapToken } from '../api/bootstrap-token/bootstrap-token.ts'
import { chooseNodeAddress } from '../host/choose-address.ts'
import { addressTowards, listHostAddresses } from '../host/host-addresses.ts'
import { NODE_KUBECONFIG } from '../host/host-paths.ts'
import { HostFiles } from '../host/install/host-files.ts'
import { installHost, readSettings } from '../host/install/install-host.ts'
import { API_PORT } from '../host/install/plan-flags.ts'
import { parsePins } from '../host/join/discovery.ts'
import { joinCluster } from '../host/join/join-cluster.ts'
import { RUNTIMES, type HostSettings } from '../host/settings.ts'
import { InputError } from '../ops/errors.ts'
import { replaceFile } from '../ops/replace-file.ts'
import { requireRoot, say, sourceFolder, systemOf } from './install.ts'

type Flags = Readonly<{
  token: string
  discoveryTokenCaCertHash: readonly string[]
  caCertHash: readonly string[]
  discoveryTokenUnsafeSkipCaVerification: boolean
  nodeName?: string
  nodeIp?: string
  runtime?: HostSettings['runtime']
  root: string
}>

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text]

export const command = (): Command =>
  new Command()
    .argument('<server>', 'the API server: https://host:6443 or host:6443')
    .requiredOption('--token <token>', 'bootstrap token, from "weft token create" on the control plane')
    .option('--discovery-token-ca-cert-hash <hash>', 'sha256:… of the cluster\'s authority; may be repeated', collect, [])
    .addOption(new Option('--ca-cert-hash <hash>', 'the same, shorter').argParser(collect).default([]))
    .option('--discovery-token-unsafe-skip-ca-verification', 'trust whoever knows the token', false)
    .option('--node-name <name>', 'name of the Node object (default: the host name)')
    .option('--node-ip <address>', 'address under which the other hosts reach this one (default: the one that reaches the API server)')
    .addOption(new Option('--runtime <kind>', 'what runs pods: processes, or none where a kubelet is installed by somebody else (default: processes)').choices(RUNTIMES))
    .option('--root <folder>', 'place files below this folder and touch nothing else', '/')
    .action(async (server: string, flags: Flags) => {
      requireRoot(flags.root)
      const files = new HostFiles(flags.root)
      const before = await readSettings(files)
      if (before?.role === 'control-plane') throw new InputError('role', before.role, 'is what this host is already: run "weft uninstall" before it joins another cluster')
      const signal = new AbortController().signal
      const url = parseServer(server)
      const pins = parsePins([...flags.discoveryTokenCaCertHash, ...flags.caCertHash])
      if (pins.length === 0 && !flags.discoveryTokenUnsafeSkipCaVerification) {
        throw new InputError('--discovery-token-ca-cert-hash', '', 'is missing: the control plane prints it ("weft token create --print-join-command"); --discovery-token-unsafe-skip-ca-verification does without')
      }
      const nodeName = flags.nodeName ?? before?.nodeName ?? hostname().toLowerCase()
      const { kubeconfig, settings } = await joinCluster({ server: url, token: parseBootstrapToken(flags.token, '--token'), pins, nodeName, signal })
      const nodeIp = flags.nodeIp ?? chooseNodeAddress(listHostAddresses(), await addressTowards(url.hostname.replace(/^\[|\]$/g, '')))
      await installHost({
        settings: { ...settings, role: 'worker', nodeName, nodeIp, apiServer: url.href.replace(/\/$/, ''), runtime: flags.runtime ?? before?.runtime ?? 'processes' },
        files, signal, source: sourceFolder(), system: systemOf(flags.root), tell: say, prepare: () => replaceFile(files.at(NODE_KUBECONFIG), kubeconfig),
      })
      say(`joined as ${nodeName} (${nodeIp}); on the control plane: kubectl get nodes`)
    })

function parseServer(text: string): URL {
  const withScheme = /^[a-z]+:\/\//.test(text) ? text : `https://${text}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  if (url === undefined || url.protocol !== 'https:' || url.pathname !== '/') throw new InputError('server', text, 'is not of the form https://host:6443')
  // URL drops a port that is the scheme's own, so that 443 has to be looked for in the text.
  if (url.port === '' && !/:443\/?$/.test(withScheme)) url.port = String(API_PORT)
  return url
}

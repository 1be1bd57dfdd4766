// `weft up`: brings a cluster up and stays, or leaves it to a process in the background.

import { Command, Option } from 'commander'
import { CLUSTER_NAME_MAX } from '../cluster/cluster-name.ts'
import { BACKENDS, PROXY_MODES, parseClusterOptions, type ClusterFlags } from '../cluster/cluster-options.ts'
import { backgroundTerminal, upInBackground } from '../cluster/up/background.ts'
import { upInForeground } from '../cluster/up/foreground.ts'

type Flags = ClusterFlags & Readonly<{ detach?: true; background?: true }>

export const command = (): Command =>
  new Command()
    .option('--nodes <count>', 'number of hosts; the first one runs the control plane too', '3')
    .addOption(new Option('--backend <kind>', 'how pods on different hosts reach each other').choices(BACKENDS).default('vxlan'))
    .addOption(new Option('--proxy-mode <mode>', 'how the proxies write their rules').choices(PROXY_MODES).default('iptables'))
    .option('--name <name>', `name of the cluster, up to ${CLUSTER_NAME_MAX} characters`, 'local')
    .option('--pod-cidr <prefix>', 'pods\' addresses; the usual 10.244.0.0/16 or the next that is free here')
    .option('--service-cidr <prefix>', 'cluster IPs; the usual 10.96.0.0/16 or the next that is free here')
    .option('--detach', 'return once the cluster is up; see "weft status" and "weft down"')
    .addOption(new Option('--background').hideHelp())
    .action(async (flags: Flags) => {
      const cluster = parseClusterOptions(flags)
      if (flags.detach === true) process.exitCode = await upInBackground(cluster, process.argv.slice(2).filter(word => word !== '--detach'))
      else if (flags.background === true) process.exitCode = await upInForeground(cluster, backgroundTerminal(cluster.name))
      else process.exitCode = await upInForeground(cluster, { write: text => process.stdout.write(text), isTty: process.stdout.isTTY, ready: () => undefined })
    })

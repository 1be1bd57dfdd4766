// Every subcommand, in the order in which `weft help` shows them. Each file exports `command()`.

import type { Command } from 'commander'

export type CommandEntry = Readonly<{
  name: string
  /** One line for the help text. */
  summary: string
  load: () => Promise<{ command: () => Command }>
}>

export const commands: readonly CommandEntry[] = [
  { name: 'install', summary: 'make this machine a host of a cluster: release, configuration, systemd units', load: () => import('./install.ts') },
  { name: 'join', summary: 'make this machine a worker of a cluster, with a token', load: () => import('./join.ts') },
  { name: 'token', summary: 'make, show and remove the tokens with which machines join', load: () => import('./token.ts') },
  { name: 'renew', summary: 'get this machine new certificates before the old ones end', load: () => import('./renew.ts') },
  { name: 'doctor', summary: 'tell what is in the way of Weft on this machine, and what to do', load: () => import('./doctor.ts') },
  { name: 'uninstall', summary: 'remove what install and join placed on this machine', load: () => import('./uninstall.ts') },
  { name: 'apiserver', summary: 'store and serve the cluster\'s objects, as kube-apiserver does', load: () => import('./apiserver.ts') },
  { name: 'up', summary: 'bring a cluster up on this machine, hosts as network namespaces', load: () => import('./up.ts') },
  { name: 'status', summary: 'tell what of a cluster runs', load: () => import('./status.ts') },
  { name: 'down', summary: 'remove a cluster, however it ended', load: () => import('./down.ts') },
  { name: 'agent', summary: 'give this host a pod subnet and carry pod traffic to the others', load: () => import('./agent.ts') },
  { name: 'leases', summary: 'show who holds which pod subnet, and release what a lost host holds', load: () => import('./leases.ts') },
  { name: 'proxy', summary: 'serve Services on this host, with kube-proxy\'s flags and configuration', load: () => import('./proxy.ts') },
  { name: 'controller-manager', summary: 'keep EndpointSlices, pod CIDRs, namespaces and owners as they should be', load: () => import('./controller-manager.ts') },
  { name: 'echo', summary: 'answer over HTTP, TCP and UDP which pod and host this is', load: () => import('./echo.ts') },
  { name: 'node', summary: 'run the pods that are bound to this machine', load: () => import('./node.ts') },
  { name: 'test', summary: 'run the type check and the tests', load: () => import('./test.ts') },
  { name: 'run', summary: 'run a TypeScript file of this checkout', load: () => import('./run.ts') },
  { name: 'version', summary: 'print the version', load: () => import('./version.ts') },
]

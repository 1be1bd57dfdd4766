// Takes an installation away, in the reverse order: pods, units, what the daemons made in the kernel, files, kernel settings.

import { rm } from 'node:fs/promises'
import { ADMIN_KUBECONFIG, CNI_CONFIG, CNI_PROGRAMS, CONFIG, CONTROLLER_MANAGER_KUBECONFIG, KUBECONFIGS, LIBRARY, NODE_KUBECONFIG, NODE_ROOT, PKI, STATE } from '../host-paths.ts'
import { WeftError } from '../../ops/errors.ts'
import type { HostFiles } from './host-files.ts'
import type { HostSystem } from './host-system.ts'
import { OWN_FILES, readSettings } from './install-host.ts'
import { RENEWAL_TIMER, unitsOf, type UnitName } from './plan-units.ts'
import { nodeFlags } from './plan-flags.ts'

export type UninstallOptions = Readonly<{
  files: HostFiles
  system: HostSystem
  /** Also what cannot be made again: the cluster's objects and its authority. */
  purge: boolean
  tell: (line: string) => void
  signal: AbortSignal
}>

/** The objects of a control plane lie where systemd keeps the state of services without a user of their own. */
const STORES = ['/var/lib/private/weft-apiserver', '/var/lib/weft-apiserver'] as const

export async function uninstallHost({ files, system, purge, tell, signal }: UninstallOptions): Promise<void> {
  const [settings, journal] = [await readSettings(files), await files.readJournal()]
  if (settings === undefined || journal === undefined) throw new WeftError('NOT_INSTALLED', `Weft is not installed on this host (there is no ${OWN_FILES.join(' and no ')})`, { files: [...OWN_FILES] })
  const units = unitsOf(settings)
  const attempt = async (what: string, args: readonly string[]): Promise<void> => {
    const { ok, said } = await system.weft(args, { signal })
    tell(ok ? what : `${what}: not everything could be removed: ${said}`)
  }
  // Pods first, while the agent can still take them off the network.
  if (units.includes('weft-node')) {
    await system.stop(['weft-node'], { signal })
    await attempt('pods ended', ['node', '--cleanup', ...nodeFlags(settings).map(({ flag }) => flag)])
  }
  // The API server last: the agent gives its lease back there.
  const isServer = (unit: UnitName): boolean => unit === 'weft-apiserver' || unit === 'weft-controller-manager'
  await system.stop([RENEWAL_TIMER, ...units.filter(unit => !isServer(unit)).toReversed()], { signal })
  await attempt('Services\' rules removed', ['proxy', '--cleanup'])
  await attempt('pod network removed', ['agent', '--cleanup', '--kube-subnet-mgr', `--kubeconfig-file=${NODE_KUBECONFIG}`, `--net-config-path=${CONFIG}/net-conf.json`, `--iface=${settings.nodeIp}`, `--cni-conf-dir=${CNI_CONFIG}`, `--cni-bin-dir=${CNI_PROGRAMS}`])
  await system.stop(units.filter(isServer).toReversed(), { signal })
  await system.restoreKernel(journal.settingsBefore)
  for (const placed of journal.placed.toReversed()) if (placed.kind !== 'folder') await files.take(placed)
  await system.reload({ signal })
  const keepsCluster = settings.role === 'control-plane' && !purge
  const secrets = keepsCluster ? [NODE_KUBECONFIG, CONTROLLER_MANAGER_KUBECONFIG] : [NODE_KUBECONFIG, CONTROLLER_MANAGER_KUBECONFIG, ADMIN_KUBECONFIG, PKI, ...STORES]
  for (const path of [LIBRARY, NODE_ROOT, `${STATE}/cni`, '/run/weft/cni', ...secrets, ...OWN_FILES]) await rm(files.at(path), { recursive: true, force: true })
  for (const path of [KUBECONFIGS, ...journal.placed.toReversed().filter(({ kind }) => kind === 'folder').map(({ path }) => path)]) await files.removeEmpty(path)
  tell(keepsCluster ? `removed; the cluster's objects (${STORES[0]}), its authority (${PKI}) and ${ADMIN_KUBECONFIG} stay: --purge removes them, too` : 'removed')
}

// Certificates end after a year: each host renews its own long before. A worker asks the cluster with what it has
// (KEP-266's rotation, approved because it asks for itself); a control plane holds the authority and issues them.

import { X509Certificate } from 'node:crypto'
import { openApiClient } from '../../client/api-client.ts'
import { formatKubeconfig } from '../../client/kubeconfig/format.ts'
import { loadKubeconfig } from '../../client/kubeconfig/load.ts'
import { readPem } from '../../client/kubeconfig/credentials.ts'
import { silentLog } from '../../ops/log.ts'
import { InputError } from '../../ops/errors.ts'
import { replaceFile } from '../../ops/replace-file.ts'
import { CONTEXT, ensureControlPlaneFiles } from '../cluster/control-plane-files.ts'
import { ADMIN_KUBECONFIG, CONTROLLER_MANAGER_KUBECONFIG, NODE_KUBECONFIG, SERVER } from '../host-paths.ts'
import type { HostFiles } from '../install/host-files.ts'
import type { UnitName } from '../install/plan-units.ts'
import type { HostSettings } from '../settings.ts'
import { requestNodeCertificate } from './node-certificate.ts'

export type RenewOptions = Readonly<{ files: HostFiles; settings: HostSettings; nowMs: number; /** Also when there is time left. */ force: boolean; signal: AbortSignal }>

/** kubelet renews when less than a fifth to a third is left; a host that is switched off for months still has time. */
const LEFT_FRACTION = 1 / 3

/** Who reads which file; a daemon reads its credentials when it starts. */
const READERS: Readonly<Record<string, readonly (UnitName | 'kubelet')[]>> = {
  [NODE_KUBECONFIG]: ['weft-agent', 'weft-proxy', 'weft-node', 'kubelet'], [CONTROLLER_MANAGER_KUBECONFIG]: ['weft-controller-manager'], [SERVER.certificate]: ['weft-apiserver'], [ADMIN_KUBECONFIG]: [],
}

/** Answers the units that have to start anew to use what was renewed. */
export async function renewCredentials(options: RenewOptions): Promise<readonly string[]> {
  const { files, settings, nowMs } = options
  const before = await contents(files)
  if (settings.role === 'control-plane') await ensureControlPlaneFiles(files, settings, nowMs)
  else await renewNode(options)
  const after = await contents(files)
  return [...new Set(Object.keys(READERS).filter(path => before.get(path) !== after.get(path)).flatMap(path => READERS[path]!))]
}

const contents = async (files: HostFiles): Promise<ReadonlyMap<string, string | undefined>> =>
  new Map(await Promise.all(Object.keys(READERS).map(async path => [path, await files.read(path)] as const)))

async function renewNode({ files, settings, nowMs, force, signal }: RenewOptions): Promise<void> {
  const config = await loadKubeconfig({ path: files.at(NODE_KUBECONFIG) })
  const { clientCertificate } = await config.credentials.present({ signal })
  if (clientCertificate === undefined || config.trust.ca === undefined) throw new InputError(NODE_KUBECONFIG, '', 'holds no certificate and authority; join again ("weft join")')
  const { validFrom, validTo } = new X509Certificate(clientCertificate.cert)
  const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)]
  if (!force && end - nowMs > (end - begin) * LEFT_FRACTION) return
  await using client = openApiClient({ config, userAgent: 'weft-renew', log: silentLog() })
  const keys = await requestNodeCertificate(client, settings.nodeName, { signal })
  const authorityPem = await readPem(config.trust.ca, 'certificate-authority')
  await replaceFile(files.at(NODE_KUBECONFIG), formatKubeconfig({ context: CONTEXT, server: config.server.href.replace(/\/$/, ''), authorityPem, user: `system:node:${settings.nodeName}`, keys }))
}

// Where Weft keeps its things on a real host. Everything else about these places (whose, which rights) stands in the plan.

/** Releases lie beside each other; `current` leads to the one in use. */
export const LIBRARY = '/usr/local/lib/weft'
export const CURRENT = `${LIBRARY}/current`
/** Within a release: where its launcher looks for it, too (runtime/setup.sh). */
export const BUNDLE = '.cache/bundle'
export const COMMAND = '/usr/local/bin/weft'

export const CONFIG = '/etc/weft'
export const PKI = `${CONFIG}/pki`
export const KUBECONFIGS = `${CONFIG}/kubeconfigs`
export const ADMIN_KUBECONFIG = `${KUBECONFIGS}/admin`
export const CONTROLLER_MANAGER_KUBECONFIG = `${KUBECONFIGS}/controller-manager`
export const NODE_KUBECONFIG = `${KUBECONFIGS}/node`
export const NET_CONFIG = `${CONFIG}/net-conf.json`

/** What survives an upgrade and is nobody's to edit. */
export const STATE = '/var/lib/weft'
export const JOURNAL = `${STATE}/install.json`
export const NODE_ROOT = `${STATE}/node`

export const UNITS = '/etc/systemd/system'
export const CNI_CONFIG = '/etc/cni/net.d'
export const CNI_PROGRAMS = '/opt/cni/bin'

export const AUTHORITY = { certificate: `${PKI}/ca.crt`, key: `${PKI}/ca.key` } as const
export const SERVER = { certificate: `${PKI}/apiserver.crt`, key: `${PKI}/apiserver.key` } as const
export const TOKENS = { signing: `${PKI}/sa.key`, verifying: `${PKI}/sa.pub` } as const

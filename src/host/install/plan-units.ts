// The systemd units of a host (systemd.service(5), systemd.exec(5)), each with as little as its daemon can do with.

import { AUTHORITY, BUNDLE, CNI_CONFIG, CNI_PROGRAMS, CONFIG, CONTROLLER_MANAGER_KUBECONFIG, CURRENT, NODE_KUBECONFIG, SERVER, TOKENS } from '../host-paths.ts'
import type { HostSettings } from '../settings.ts'

export type UnitName = 'weft-apiserver' | 'weft-controller-manager' | 'weft-agent' | 'weft-proxy' | 'weft-node'

type Lines = readonly string[]
type Unit = Readonly<{ description: string; documentation: string; unit: Lines; command: string; service: Lines }>

/** The units of a host, in the order in which they are started; they are stopped in the reverse one. */
export const unitsOf = ({ role, runtime }: Pick<HostSettings, 'role' | 'runtime'>): readonly UnitName[] => [
  ...(role === 'control-plane' ? ['weft-apiserver', 'weft-controller-manager'] as const : []),
  'weft-agent', 'weft-proxy',
  ...(runtime === 'none' ? [] : ['weft-node'] as const),
]

/** Started by the release's own Node.js: no launcher, no PATH and no package manager stand between systemd and a daemon. */
const PROGRAM = `${CURRENT}/runtime/bin/node ${CURRENT}/${BUNDLE}/main.mjs`

/** None of the daemons needs any of this, and the kernel should rather end a pod than one of them. Node.js compiles at run time, so memory that is written may be executed. */
const MODEST: Lines = [
  'OOMScoreAdjust=-900', 'NoNewPrivileges=yes', 'ProtectClock=yes', 'ProtectHostname=yes', 'ProtectKernelLogs=yes', 'LockPersonality=yes', 'RestrictRealtime=yes', 'RestrictSUIDSGID=yes', 'SystemCallArchitectures=native', 'UMask=0077',
]

/** Nothing but its own folder, its files and the network. */
const CONFINED: Lines = [
  'DynamicUser=yes', ...MODEST, 'ProtectSystem=strict', 'ProtectHome=yes', 'PrivateTmp=yes', 'PrivateDevices=yes', 'ProtectProc=invisible', 'ProcSubset=all',
  'ProtectKernelTunables=yes', 'ProtectKernelModules=yes', 'ProtectControlGroups=yes', 'RestrictNamespaces=yes', 'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK', 'CapabilityBoundingSet=', 'AmbientCapabilities=',
  'SystemCallFilter=@system-service', 'SystemCallErrorNumber=EPERM',
]

const credential = (file: string): string => `LoadCredential=${file.slice(file.lastIndexOf('/') + 1)}:${file}`
const loaded = (file: string): string => `%d/${file.slice(file.lastIndexOf('/') + 1)}`

const UNIT_TABLE: Readonly<Record<UnitName, Unit>> = {
  'weft-apiserver': {
    description: 'Weft API server', documentation: 'api-server.md', unit: [`ConditionPathExists=${SERVER.key}`],
    command: `apiserver --data-dir=%S/weft-apiserver --tls-cert-file=${loaded(SERVER.certificate)} --tls-private-key-file=${loaded(SERVER.key)} --client-ca-file=${loaded(AUTHORITY.certificate)} ` +
      `--service-account-key-file=${loaded(TOKENS.verifying)} --service-account-signing-key-file=${loaded(TOKENS.signing)}`,
    service: [
      // Keys are root's alone: systemd reads them and shows them to this one service.
      ...[SERVER.certificate, SERVER.key, AUTHORITY.certificate, TOKENS.verifying, TOKENS.signing].map(credential),
      'StateDirectory=weft-apiserver', 'StateDirectoryMode=0700', ...CONFINED,
    ],
  },
  'weft-controller-manager': {
    description: 'Weft controller manager', documentation: 'controllers.md', unit: [`ConditionPathExists=${CONTROLLER_MANAGER_KUBECONFIG}`, 'After=weft-apiserver.service'],
    command: `controller-manager --kubeconfig=${loaded(CONTROLLER_MANAGER_KUBECONFIG)} --root-ca-file=${loaded(AUTHORITY.certificate)} ` +
      `--cluster-signing-cert-file=${loaded(AUTHORITY.certificate)} --cluster-signing-key-file=${loaded(AUTHORITY.key)}`,
    service: [...[CONTROLLER_MANAGER_KUBECONFIG, AUTHORITY.certificate, AUTHORITY.key].map(credential), ...CONFINED],
  },
  'weft-agent': {
    description: 'Weft pod network agent', documentation: 'pod-network.md', unit: [`ConditionPathExists=${NODE_KUBECONFIG}`],
    command: 'agent',
    service: [
      // SYS_ADMIN enters the namespaces of pods; DAC_READ_SEARCH and SYS_PTRACE reach those that are named by a process.
      ...rootWith('CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_SYS_PTRACE'),
      'StateDirectory=weft', 'RuntimeDirectory=weft flannel', 'RuntimeDirectoryPreserve=yes', 'DeviceAllow=/dev/net/tun rw',
      // ProtectSystem=full shows /etc read-only.
      `ReadWritePaths=-${CNI_CONFIG} -${CNI_PROGRAMS}`,
    ],
  },
  'weft-proxy': {
    description: 'Weft service proxy', documentation: 'service-proxy.md', unit: [`ConditionPathExists=${NODE_KUBECONFIG}`],
    command: `proxy --config=${CONFIG}/proxy.yaml`,
    // Connection tracking is sized under /proc/sys and /sys/module; the packet filter's lock lies in /run.
    service: rootWith('CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_OVERRIDE'),
  },
  'weft-node': {
    description: 'Weft node: runs the pods bound to this host', documentation: 'node.md', unit: [`ConditionPathExists=${NODE_KUBECONFIG}`, 'After=weft-agent.service'],
    command: 'node',
    // Pods are processes of this service and outlive it: only the daemon itself is stopped, and nothing confines what it starts.
    service: ['KillMode=process', 'Delegate=yes', 'TasksMax=infinity', 'OOMPolicy=continue'],
  },
}

/** Root, with these capabilities and no others, and a file system of which little can be written. */
function rootWith(capabilities: string): Lines {
  return [
    `CapabilityBoundingSet=${capabilities}`, ...MODEST, 'ProtectHome=yes', 'PrivateTmp=yes', 'ProtectSystem=full', 'ProtectControlGroups=yes',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET',
  ]
}

/** Units whose flags stand in a file of their own; the proxy has a configuration file instead. */
export const flagFileOf = (name: UnitName): string | undefined => (name === 'weft-proxy' ? undefined : `${CONFIG}/${name.slice('weft-'.length)}.conf`)

export function formatUnit(name: UnitName, documentation: string): string {
  const { description, unit, command, service, documentation: page } = UNIT_TABLE[name]
  const flags = flagFileOf(name)
  return [
    '[Unit]',
    `Description=${description}`,
    `Documentation=file:${documentation}/${page}`,
    'Wants=network-online.target',
    'After=network-online.target',
    ...unit,
    // It is tried again for ever: whatever a daemon lacks may come.
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    ...(flags === undefined ? [] : [`EnvironmentFile=${flags}`]),
    'Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `ExecStart=${PROGRAM} ${command}${flags === undefined ? '' : ' $FLAGS'}`,
    'Restart=always',
    'RestartSec=1s',
    'TimeoutStopSec=20s',
    // journald rotates; a daemon in trouble may say more than its default lets through.
    'LogRateLimitIntervalSec=30s',
    'LogRateLimitBurst=20000',
    ...service,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

/** Looks every day whether certificates have to be renewed; at its own hour on every host, and after a host was off. */
export const RENEWAL_TIMER = 'weft-renew.timer'

export const formatRenewal = (documentation: string): Readonly<Record<string, string>> => ({
  [RENEWAL_TIMER]: ['[Unit]', 'Description=Weft: renew certificates in time', '', '[Timer]', 'OnCalendar=daily', 'RandomizedDelaySec=12h', 'Persistent=yes', '', '[Install]', 'WantedBy=timers.target', ''].join('\n'),
  'weft-renew.service': [
    '[Unit]', 'Description=Weft: renew certificates in time', `Documentation=file:${documentation}/install.md`, `ConditionPathExists=${NODE_KUBECONFIG}`, 'Wants=network-online.target', 'After=network-online.target', '',
    '[Service]', 'Type=oneshot', 'Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', `ExecStart=${PROGRAM} renew`, ...MODEST, 'ProtectHome=yes', 'PrivateTmp=yes', '',
  ].join('\n'),
})

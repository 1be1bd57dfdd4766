// `weft apiserver`: flags named and meant as kube-apiserver's; --data-dir is our own.

import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { Command } from 'commander'
import { ApiServer } from '../apiserver/api-server.ts'
import type { PortRange } from '../apiserver/allocators/port-allocator.ts'
import { parseTokenFile } from '../apiserver/authentication/bearer-token.ts'
import { DEFAULT_LIMITS } from '../apiserver/fairness.ts'
import type { KubeletOptions } from '../apiserver/kubelet/kubelets.ts'
import { isReachable } from '../apiserver/system/kubernetes-service.ts'
import { ServiceAccountTokens } from '../apiserver/tokens/service-account-tokens.ts'
import { parsePrefix, type Prefix } from '../net/ip/prefix.ts'
import { addressFromBits, formatAddress, parseAddress } from '../net/ip/address.ts'
import type { KeyPair } from '../ops/certificates/authority.ts'
import { systemClock } from '../ops/clock.ts'
import { InputError, WeftError } from '../ops/errors.ts'
import { LOG_LEVELS, openLog, type Logger, type LogLevel } from '../ops/log.ts'
import { limitYoungGeneration } from '../ops/young-generation.ts'
import { runProcess } from '../ops/process.ts'
import type { Store } from '../store/store.ts'

type Flags = Readonly<{
  dataDir: string
  etcdServers?: string
  etcdPrefix: string
  etcdCafile?: string
  etcdCertfile?: string
  etcdKeyfile?: string
  bindAddress: string
  securePort: string
  advertiseAddress?: string
  certDir: string
  tlsCertFile?: string
  tlsPrivateKeyFile?: string
  clientCaFile?: string
  tokenAuthFile?: string
  serviceAccountIssuer: readonly string[]
  serviceAccountKeyFile: readonly string[]
  serviceAccountSigningKeyFile?: string
  apiAudiences?: string
  kubeletClientCertificate?: string
  kubeletClientKey?: string
  kubeletCertificateAuthority?: string
  kubeletPreferredAddressTypes: string
  serviceClusterIpRange: string
  serviceNodePortRange: string
  authorizationMode: string
  etcdCompactionInterval: string
  maxRequestsInflight: string
  maxMutatingRequestsInflight: string
  logLevel: LogLevel
}>

/** Measured: 100 MB less resident after 10,000 creates, at the same rate. */
const YOUNG_GENERATION_BYTES = 32 * 1024 * 1024

/** Stored values and replies have about 1.5 KB: from Node's own 8 KiB every fifth would need a new pool, each an allocation outside the heap. */
const BUFFER_POOL_BYTES = 64 * 1024

/** kube-apiserver's order. */
const ADDRESS_TYPES: readonly string[] = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP']

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value]

export const command = (): Command =>
  new Command()
    .option('--data-dir <directory>', 'where the embedded store lies', '/var/lib/weft/apiserver')
    .option('--etcd-servers <urls>', 'keep objects in this etcd (scheme://host:port, joined by commas) and not in --data-dir')
    .option('--etcd-prefix <prefix>', 'in front of every key', '/registry')
    .option('--etcd-cafile <file>', 'authority of etcd\'s certificates, PEM')
    .option('--etcd-certfile <file>', 'client certificate for etcd, PEM')
    .option('--etcd-keyfile <file>', 'its private key, PEM')
    .option('--bind-address <address>', 'address to listen on', '0.0.0.0')
    .option('--secure-port <port>', 'port to serve HTTPS on; 0 takes a free one', '6443')
    .option('--advertise-address <address>', 'address under which other members reach this server (default: the bind address)')
    .option('--tls-cert-file <file>', 'serving certificate, PEM (default: one made in --cert-dir)')
    .option('--tls-private-key-file <file>', 'its private key, PEM')
    .option('--cert-dir <directory>', 'where the serving certificate is made and kept when none is given', '/var/run/kubernetes')
    .option('--client-ca-file <file>', 'authorities whose client certificates are accepted, PEM')
    .option('--token-auth-file <file>', 'static bearer tokens: lines of token,user,uid,"group1,group2"')
    .option('--service-account-issuer <url>', 'issuer of service-account tokens; the first signs, all are accepted', collect, [])
    .option('--service-account-key-file <file>', 'public key that verifies service-account tokens; may be given more than once', collect, [])
    .option('--service-account-signing-key-file <file>', 'private key that signs service-account tokens')
    .option('--api-audiences <list>', 'audiences of this server (default: the issuer)')
    .option('--kubelet-client-certificate <file>', 'certificate to show kubelets when logs, exec, attach, port forwarding or the node proxy are asked for, PEM')
    .option('--kubelet-client-key <file>', 'its private key, PEM')
    .option('--kubelet-certificate-authority <file>', 'authority of kubelets\' certificates, PEM (default: they are not checked)')
    .option('--kubelet-preferred-address-types <list>', 'which of a node\'s addresses to connect to', ADDRESS_TYPES.join(','))
    .option('--service-cluster-ip-range <cidrs>', 'one or two prefixes from which Services get addresses', '10.96.0.0/16')
    .option('--service-node-port-range <range>', 'ports from which Services get node ports', '30000-32767')
    .option('--authorization-mode <modes>', 'RBAC is the only mode there is', 'RBAC')
    .option('--etcd-compaction-interval <duration>', 'how old the history of either store may grow, and how often it is cut', '5m0s')
    .option('--max-requests-inflight <count>', 'reading requests answered at a time', String(DEFAULT_LIMITS.reads))
    .option('--max-mutating-requests-inflight <count>', 'writing requests answered at a time', String(DEFAULT_LIMITS.writes))
    .option('--log-level <level>', `one of ${LOG_LEVELS.join(', ')}`, 'info')
    .action(async (flags: Flags) => {
      const log = openLog({ level: flags.logLevel }).child({ component: 'apiserver' })
      await runProcess(log, signal => serve(flags, log, signal))
    })
    .enablePositionalOptions()
    .addCommand(snapshotCommand())

/** `weft apiserver snapshot save|restore`: backups of the embedded store. */
const snapshotCommand = (): Command =>
  new Command('snapshot').description('save or restore the embedded store')
    .addCommand(new Command('save').description('copy the store to a file, also while the server runs')
      .argument('<file>').requiredOption('--data-dir <directory>', 'the server\'s --data-dir')
      .action(async (file: string, { dataDir }: { dataDir: string }) => {
        const { saveSnapshot } = await import('../store/lmdb/snapshot.ts')
        await report(saveSnapshot(dataDir, file), ({ revision, bytes }) => `saved revision ${revision}, ${bytes} bytes, to ${file}`)
      }))
    .addCommand(new Command('restore').description('make a new store from a file')
      .argument('<file>').requiredOption('--data-dir <directory>', 'where the new store is to lie; must hold none')
      .action(async (file: string, { dataDir }: { dataDir: string }) => {
        const { restoreSnapshot } = await import('../store/lmdb/snapshot.ts')
        await report(restoreSnapshot(file, dataDir), ({ revision }) => `restored to ${dataDir}; the store goes on at revision ${revision}`)
      }))

/** Prints the result, or the error's sentence, and sets the exit code. */
async function report<T>(work: Promise<T>, tell: (result: T) => string): Promise<void> {
  try {
    process.stdout.write(`${tell(await work)}\n`)
  } catch (error) {
    if (!(error instanceof WeftError)) throw error
    process.stderr.write(`weft: ${error.message}\n`)
    process.exitCode = 1
  }
}

async function serve(flags: Flags, log: ReturnType<typeof openLog>, signal: AbortSignal): Promise<void> {
  const securePort = parsePortFlag('secure-port', flags.securePort)
  parseAddress(flags.bindAddress, '--bind-address')
  const advertiseAddress = flags.advertiseAddress ?? defaultAdvertiseAddress(flags.bindAddress)
  parseAddress(advertiseAddress, '--advertise-address')
  if (!isReachable(advertiseAddress)) log.warn({ advertiseAddress }, 'pods cannot reach this server: the advertised address is local; name another with --advertise-address')
  const modes = flags.authorizationMode.split(',')
  if (!modes.includes('RBAC') || modes.some(mode => mode !== 'RBAC' && mode !== 'Node')) {
    throw new InputError('--authorization-mode', flags.authorizationMode, 'must be RBAC (Node may be named beside it)')
  }
  // A mistake in the handling of one request must not take the other clients' server away.
  const onStray = (err: unknown): void => log.error({ err }, 'a failure went unnoticed')
  process.on('unhandledRejection', onStray)
  using _stray = { [Symbol.dispose]: () => process.off('unhandledRejection', onStray) }
  limitYoungGeneration(YOUNG_GENERATION_BYTES)
  Buffer.poolSize = BUFFER_POOL_BYTES
  const serviceRanges = parseServiceRanges(flags.serviceClusterIpRange)
  await using store = await openStore(flags, signal)
  await using server = await ApiServer.open({
    store, sharedStore: flags.etcdServers !== undefined, keyRoot: flags.etcdPrefix, bindAddress: flags.bindAddress, securePort, advertiseAddress,
    ...await servingCertificate(flags, advertiseAddress, serviceRanges, log),
    clientCaPem: flags.clientCaFile === undefined ? undefined : readFlagFile('--client-ca-file', flags.clientCaFile),
    serviceAccountTokens: openTokens(flags),
    staticTokens: flags.tokenAuthFile === undefined ? new Map() : parseTokenFile(readFlagFile('--token-auth-file', flags.tokenAuthFile)),
    serviceRanges, nodePortRange: parseNodePortRange(flags.serviceNodePortRange), kubelets: readKubeletFlags(flags),
    compactionIntervalMs: parseDuration('--etcd-compaction-interval', flags.etcdCompactionInterval),
    limits: { ...DEFAULT_LIMITS, reads: parseCount('--max-requests-inflight', flags.maxRequestsInflight), writes: parseCount('--max-mutating-requests-inflight', flags.maxMutatingRequestsInflight) },
    clock: systemClock, log,
  })
  log.info({ address: flags.bindAddress, port: server.port, store: flags.etcdServers ?? flags.dataDir, revision: await store.revision({ signal }) }, 'ready')
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function openStore(flags: Flags, signal: AbortSignal): Promise<Store> {
  if (!/^\/[\w./-]*[\w-]$/.test(flags.etcdPrefix)) throw new InputError('--etcd-prefix', flags.etcdPrefix, 'must begin with a slash and not end with one')
  if (flags.etcdServers === undefined) {
    const { LmdbStore } = await import('../store/lmdb/lmdb-store.ts')
    return LmdbStore.open({ directory: flags.dataDir, clock: systemClock })
  }
  const hosts = flags.etcdServers.split(',').map(host => host.trim())
  for (const host of hosts) if (!/^https?:\/\/[^/]+$/.test(host)) throw new InputError('--etcd-servers', host, 'is not of the form https://10.0.0.1:2379')
  const { etcdCafile: ca, etcdCertfile: certificate, etcdKeyfile: key } = flags
  if ((certificate === undefined) !== (key === undefined)) throw new InputError('--etcd-certfile', certificate, 'must be given together with --etcd-keyfile')
  const { EtcdStore } = await import('../store/etcd/etcd-store.ts')
  return EtcdStore.open({
    hosts, clock: systemClock,
    ...(ca === undefined ? {} : {
      tls: {
        caPem: readFlagFile('--etcd-cafile', ca),
        ...(certificate === undefined || key === undefined ? {} : { certificatePem: readFlagFile('--etcd-certfile', certificate), privateKeyPem: readFlagFile('--etcd-keyfile', key) }),
      },
    }),
  }, { signal })
}

async function servingCertificate(flags: Flags, advertiseAddress: string, serviceRanges: readonly Prefix[], log: Logger): Promise<KeyPair> {
  const { tlsCertFile, tlsPrivateKeyFile, certDir } = flags
  if (tlsCertFile !== undefined || tlsPrivateKeyFile !== undefined) {
    return { certificatePem: readFlagFile('--tls-cert-file', tlsCertFile), privateKeyPem: readFlagFile('--tls-private-key-file', tlsPrivateKeyFile) }
  }
  const { ensureServingCertificate } = await import('../apiserver/serving-certificate.ts')
  const services = serviceRanges.map(({ family, network }) => formatAddress(addressFromBits(family, network + 1n)))
  const { made, ...pair } = await ensureServingCertificate({ directory: certDir, addresses: [advertiseAddress, ...services], nowMs: systemClock.now() })
  if (made) log.warn({ directory: certDir }, 'no serving certificate was given: one was made that its clients cannot check without its file')
  return pair
}

function readKubeletFlags({ kubeletClientCertificate: certificate, kubeletClientKey: key, kubeletCertificateAuthority: authority, kubeletPreferredAddressTypes }: Flags): KubeletOptions {
  if ((certificate === undefined) !== (key === undefined)) throw new InputError('--kubelet-client-certificate', certificate, 'must be given together with --kubelet-client-key')
  const addressTypes = kubeletPreferredAddressTypes.split(',').map(type => type.trim())
  for (const type of addressTypes) if (!ADDRESS_TYPES.includes(type)) throw new InputError('--kubelet-preferred-address-types', type, `is none of ${ADDRESS_TYPES.join(', ')}`)
  const read = (flag: string, path: string | undefined): string | undefined => (path === undefined ? undefined : readFlagFile(flag, path))
  return {
    addressTypes, certificatePem: read('--kubelet-client-certificate', certificate), privateKeyPem: read('--kubelet-client-key', key),
    authorityPem: read('--kubelet-certificate-authority', authority),
  }
}

function openTokens(flags: Flags): ServiceAccountTokens | undefined {
  const { serviceAccountSigningKeyFile: signing, serviceAccountIssuer: issuers } = flags
  if (signing === undefined) return undefined
  if (issuers.length === 0) throw new InputError('--service-account-issuer', '', 'must be given along with --service-account-signing-key-file')
  return new ServiceAccountTokens({
    issuers, audiences: flags.apiAudiences === undefined ? issuers : flags.apiAudiences.split(','),
    signingKeyPem: readFlagFile('--service-account-signing-key-file', signing),
    verifyingKeyPems: flags.serviceAccountKeyFile.map(path => readFlagFile('--service-account-key-file', path)),
  })
}

/** "5m0s", "90s", "1h30m". */
function parseDuration(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+)(h|m|s)/g)]
  const totalMs = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * { h: 3_600_000, m: 60_000, s: 1000 }[unit as 'h' | 'm' | 's'], 0)
  if (parts.map(([whole]) => whole).join('') !== text || totalMs === 0 || totalMs > 2 ** 31) throw new InputError(flag, text, 'is not a duration such as 5m0s')
  return totalMs
}

function parseCount(flag: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InputError(flag, text, 'is not a positive number')
  return Number(text)
}

function parseServiceRanges(text: string): readonly Prefix[] {
  const ranges = text.split(',').map(cidr => parsePrefix(cidr.trim(), '--service-cluster-ip-range'))
  if (ranges.length > 2 || (ranges.length === 2 && ranges[0]!.family === ranges[1]!.family)) {
    throw new InputError('--service-cluster-ip-range', text, 'must be one prefix, or one of each address family')
  }
  return ranges
}

function parseNodePortRange(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text)
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || first < 1 || last > 65_535 || first > last) throw new InputError('--service-node-port-range', text, 'is not a range such as 30000-32767')
  return { first, last }
}

/** The bind address, or when that means all addresses the first of this host that others can reach. */
function defaultAdvertiseAddress(bindAddress: string): string {
  if (isReachable(bindAddress)) return bindAddress
  const family = bindAddress.includes(':') ? 'IPv6' : 'IPv4'
  const unspecified = bindAddress === '0.0.0.0' || bindAddress === '::'
  const found = Object.values(networkInterfaces()).flat().find(entry => entry !== undefined && !entry.internal && entry.family === family && isReachable(entry.address))
  return unspecified && found !== undefined ? found.address : bindAddress
}

function parsePortFlag(name: string, text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InputError(`--${name}`, text, 'is not a port')
  return port
}

function readFlagFile(flag: string, path: string | undefined): string {
  if (path === undefined) throw new InputError(flag, '', 'must be given')
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new InputError(flag, path, `cannot be read: ${(cause as Error).message}`, { cause })
  }
}

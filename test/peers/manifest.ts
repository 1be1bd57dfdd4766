// Which real peers the interop and benchmark suites run, pinned, by package name.
// Go modules are built from the go.mod/go.sum beside this file, so every byte is checked by hash;
// Debian packages are checked by apt against the archive's signed index.

export type GoProgram = Readonly<{
  kind: 'go'
  /** File name under `.peers/bin/`. */
  name: string
  /** Folder under `test/peers/go/` with the go.mod that pins the build. */
  module: string
  /** Import path of the main package. */
  package: string
  /** True for a program with C in it (flannel's udp backend). */
  cgo?: true
  /** Values stamped into the program (`-X`), as its own release build does. */
  stamps?: Readonly<Record<string, string>>
}>

export type DebianProgram = Readonly<{
  kind: 'debian'
  name: string
  /** Debian suite that carries the package; its index is read privately, the machine's own stays as it is. */
  suite: 'bookworm' | 'trixie' | 'forky'
  package: string
  /** The version must start with this; the archive keeps only the newest revision of a suite. */
  version: string
  /** Programs of the package, from its root. */
  programs: readonly string[]
}>

/** A kernel with its modules, for virtual machines: what the metapackage of that name leads to. */
export type DebianKernel = Omit<DebianProgram, 'kind' | 'programs'> & Readonly<{ kind: 'kernel' }>

export type Peer = GoProgram | DebianProgram | DebianKernel

const KUBERNETES = '1.36.3'
const COMPONENT_VERSION = 'k8s.io/component-base/version'
const KUBERNETES_STAMPS = {
  [`${COMPONENT_VERSION}.gitVersion`]: `v${KUBERNETES}`,
  [`${COMPONENT_VERSION}.gitMajor`]: '1',
  [`${COMPONENT_VERSION}.gitMinor`]: '36',
  [`${COMPONENT_VERSION}.gitTreeState`]: 'clean',
}

const kubernetes = (program: string): GoProgram => ({
  kind: 'go',
  name: `${program}-${KUBERNETES}`,
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${program}`,
  stamps: KUBERNETES_STAMPS,
})

/** Folder of shared libraries in this machine's packages (Debian's multiarch tuple). */
const LIBRARIES = `usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`

/** podman of the last Debian release whose podman still speaks CNI, with what it needs and most machines lack. */
const podmanPart = (packageName: string, version: string, program: string): DebianProgram => ({
  kind: 'debian', name: `podman-4.3/${program.slice(program.lastIndexOf('/') + 1)}`, suite: 'bookworm', package: packageName, version, programs: [program],
})

const PLUGINS = 'github.com/containernetworking/plugins/plugins'
const cniPlugin = (path: string): GoProgram => ({
  kind: 'go',
  name: `cni-1.9.1/${path.slice(path.indexOf('/') + 1)}`,
  module: 'cni',
  package: `${PLUGINS}/${path}`,
})

/** Cheap ones first, so that an interrupted run leaves the most behind. */
export const PEERS: readonly Peer[] = [
  { kind: 'debian', name: 'kubectl-1.20', suite: 'bookworm', package: 'kubernetes-client', version: '1.20.', programs: ['usr/bin/kubectl'] },
  { kind: 'debian', name: 'kubectl-1.32', suite: 'trixie', package: 'kubectl', version: '1.32.', programs: ['usr/bin/kubectl'] },
  { kind: 'debian', name: 'kubectl-1.36', suite: 'forky', package: 'kubectl', version: '1.36.', programs: ['usr/bin/kubectl'] },
  { kind: 'debian', name: 'busybox-1.35', suite: 'bookworm', package: 'busybox-static', version: '1:1.35.', programs: ['bin/busybox'] },
  { kind: 'debian', name: 'wg-1.0', suite: 'bookworm', package: 'wireguard-tools', version: '1.0.', programs: ['usr/bin/wg'] },
  { kind: 'kernel', name: 'linux-6.1', suite: 'bookworm', package: 'linux-image-amd64', version: '6.1.' },
  { kind: 'debian', name: 'etcd-3.5', suite: 'trixie', package: 'etcd-server', version: '3.5.', programs: ['usr/bin/etcd'] },
  { kind: 'debian', name: 'etcdctl-3.5', suite: 'trixie', package: 'etcd-client', version: '3.5.', programs: ['usr/bin/etcdctl'] },
  {
    kind: 'debian',
    name: 'containerd-1.7',
    suite: 'trixie',
    package: 'containerd',
    version: '1.7.',
    programs: ['usr/bin/containerd', 'usr/bin/containerd-shim-runc-v2', 'usr/bin/ctr'],
  },
  { kind: 'debian', name: 'runc-1.1', suite: 'bookworm', package: 'runc', version: '1.1.', programs: ['usr/sbin/runc'] },
  podmanPart('podman', '4.3.', 'usr/bin/podman'),
  podmanPart('conmon', '2.1.', 'usr/bin/conmon'),
  podmanPart('libsubid4', '1:4.13', `${LIBRARIES}/libsubid.so.4`),
  podmanPart('libgpgme11', '1.18.', `${LIBRARIES}/libgpgme.so.11`),
  podmanPart('libassuan0', '2.5.', `${LIBRARIES}/libassuan.so.0`),
  {
    kind: 'debian',
    name: 'cni-1.1.1',
    suite: 'bookworm',
    package: 'containernetworking-plugins',
    version: '1.1.1',
    programs: ['bridge', 'host-local', 'portmap', 'bandwidth', 'loopback', 'tuning', 'firewall'].map(p => `usr/lib/cni/${p}`),
  },
  ...['main/bridge', 'ipam/host-local', 'meta/portmap', 'meta/bandwidth', 'main/loopback', 'meta/tuning', 'meta/firewall'].map(cniPlugin),
  { kind: 'go', name: 'cnitool-1.3.0', module: 'cni', package: 'github.com/containernetworking/cni/cnitool' },
  kubernetes('kube-proxy'),
  {
    kind: 'go',
    name: 'flanneld-0.28.4',
    module: 'flannel-0.28',
    package: 'github.com/flannel-io/flannel',
    cgo: true,
    stamps: { 'github.com/flannel-io/flannel/pkg/version.Version': 'v0.28.4' },
  },
  {
    kind: 'go',
    name: 'flanneld-0.20.2',
    module: 'flannel-0.20',
    package: 'github.com/flannel-io/flannel',
    cgo: true,
    stamps: { 'github.com/flannel-io/flannel/version.Version': 'v0.20.2' },
  },
  kubernetes('kube-apiserver'),
  kubernetes('kube-controller-manager'),
  kubernetes('kube-scheduler'),
  kubernetes('kubelet'),
  { kind: 'go', name: 'coredns-1.14.7', module: 'coredns', package: 'github.com/coredns/coredns' },
]

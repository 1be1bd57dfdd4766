// What an installation consists of, as data: one applier puts it in place, one remover takes it away.

export type Placement =
  /** `shared`: others use it as well, so that it only goes with us if it came with us. */
  | Readonly<{ kind: 'folder'; path: string; mode: number; shared: boolean }>
  /** `edited: 'keep'`: the host's administrator may change it, and an upgrade leaves what he wrote. */
  | Readonly<{ kind: 'file'; path: string; mode: number; content: string; edited: 'keep' | 'replace' }>
  | Readonly<{ kind: 'link'; path: string; target: string }>

/** What was at a path before; undefined: nothing. */
export type Former = Readonly<{ kind: 'file'; mode: number; base64: string }> | Readonly<{ kind: 'link'; target: string }>

export type Placed = Readonly<{
  kind: Placement['kind']
  path: string
  /** Of what was placed: a file's content, a link's target. Tells what an administrator changed since. */
  sha256?: string
  /** Comes back when the installation is removed. */
  former?: Former
}>

/** Kept on the host as long as the installation is. */
export type Journal = Readonly<{
  version: 1
  release: string
  placed: readonly Placed[]
  /** Kernel settings as they were, by dotted name with slashes. */
  settingsBefore: Readonly<Record<string, string>>
}>

export const EMPTY_JOURNAL: Journal = { version: 1, release: '', placed: [], settingsBefore: {} }

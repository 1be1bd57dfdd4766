// Mounts of this machine, as /proc/self/mountinfo lists them (proc(5)).

export type Mount = Readonly<{
  mountPoint: string
  /** Inode of the network namespace mounted there; undefined for other mounts. */
  netnsInode: number | undefined
}>

/** Reads mountinfo, in its order: later mounts lie on top of earlier ones. */
export const readMounts = (mountinfo: string): readonly Mount[] =>
  mountinfo.split('\n').filter(line => line !== '').map(line => {
    const [, , , root, mountPoint] = line.split(' ') as [string, string, string, string, string]
    const inode = /^net:\[(\d+)\]$/.exec(root)?.[1]
    return { mountPoint: unescape(mountPoint), netnsInode: inode === undefined ? undefined : Number(inode) }
  })

/** Space, tab, newline and backslash stand there as \040 and the like. */
const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

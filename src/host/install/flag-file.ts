// The files in /etc/weft that hold a daemon's flags: systemd reads them as environment (systemd.exec(5), EnvironmentFile=),
// where a quoted value may span lines and an unquoted $FLAGS in ExecStart= falls apart at white space.

export type FlagLine = Readonly<{ flag: string; why: string }>

/** Throws nothing: flags come from our own plan and hold no blanks or quotes. */
export function formatFlagFile(options: Readonly<{ unit: string; command: string; about: string; flags: readonly FlagLine[] }>): string {
  const { unit, command, about, flags } = options
  const width = Math.max(...flags.map(({ flag }) => nameOf(flag).length))
  return [
    `# ${unit}: ${about}`,
    '#',
    '# Flags may be added, changed and removed below, one per line. Then:',
    `#   systemctl restart ${unit}`,
    `# Every flag: ${command} --help`,
    '#',
    ...flags.map(({ flag, why }) => `#   ${nameOf(flag).padEnd(width)}  ${why}`),
    '',
    'FLAGS="',
    ...flags.map(({ flag }) => `  ${flag}`),
    '"',
    '',
  ].join('\n')
}

const nameOf = (flag: string): string => flag.split('=')[0]!

// Go's flag syntax on top of commander: "-x" is "--x", and a boolean takes no word of its own ("--x" or "--x=false").

/** Rewrites arguments so that every flag is "--name" or "--name=value" and booleans always carry a value. */
export function fromGoFlags(argv: readonly string[], isBoolean: (name: string) => boolean): readonly string[] {
  const end = argv.indexOf('--')
  const flags = end === -1 ? argv : argv.slice(0, end)
  const rewritten = flags.map(argument => {
    const match = /^--?([A-Za-z][\w-]*)(=[^]*)?$/.exec(argument)
    if (match === null) return argument
    const [, name, value] = match as unknown as [string, string, string | undefined]
    // Go's flag package takes both for a question, whatever follows.
    if (name === 'h' || name === 'help') return '--help'
    return `--${name}${value ?? (isBoolean(name) ? '=true' : '')}`
  })
  return end === -1 ? rewritten : [...rewritten, ...argv.slice(end)]
}

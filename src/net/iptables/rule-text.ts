// The text of one rule, in the form that iptables-save prints and iptables-restore reads.

/** Splits at blanks, honouring double and single quotes and backslashes, as iptables' xshared.c does. */
export function splitRule(text: string): readonly string[] {
  const tokens: string[] = []
  let token = ''
  let inToken = false
  let quote = ''
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i]!
    if (char === '\\' && quote !== '' && i + 1 < text.length) {
      i += 1
      token += text[i]
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else token += char
    } else if (char === '"' || char === "'") {
      quote = char
      inToken = true
    } else if (char === ' ' || char === '\t') {
      if (inToken) tokens.push(token)
      token = ''
      inToken = false
    } else {
      token += char
      inToken = true
    }
  }
  if (inToken) tokens.push(token)
  return tokens
}

/** Quotes one argument when it needs it. Line ends become blanks: an input line cannot carry them. */
export function quoteArgument(argument: string): string {
  const flat = argument.replaceAll(/[\r\n]+/g, ' ')
  return flat !== '' && !/[\s"'\\]/.test(flat) ? flat : `"${flat.replaceAll(/(["'\\])/g, '\\$1')}"`
}

/** The comment of a rule's `-m comment`, or undefined. */
export function commentOf(rule: string): string | undefined {
  const tokens = splitRule(rule)
  const at = tokens.indexOf('--comment')
  return at === -1 ? undefined : tokens[at + 1]
}

/** The chain a rule jumps or goes to (or its target), or undefined for a rule without one. */
export function targetOf(rule: string): string | undefined {
  const tokens = splitRule(rule)
  const at = tokens.findIndex(token => token === '-j' || token === '-g' || token === '--jump' || token === '--goto')
  return at === -1 ? undefined : tokens[at + 1]
}

/** True when both texts mean the same rule. Cheap when they are equal letter by letter. */
export const sameRule = (a: string, b: string): boolean => a === b || normalForm(a) === normalForm(b)

/**
 * A form in which two spellings of one rule are equal: match groups sorted (nft prints comments last or in
 * place depending on its version), host masks dropped, probabilities as the kernel's 31-bit number.
 */
export function normalForm(rule: string): string {
  const groups: string[][] = []
  const tokens = splitRule(rule)
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i]!
    const negated = token === '!'
    const option = negated ? (tokens[i += 1] ?? '') : token
    if (STARTS_GROUP.has(option)) groups.push([])
    const group = groups.at(-1) ?? groups[groups.push([]) - 1]!
    if (negated) group.push('!')
    group.push(option)
    while (i + 1 < tokens.length && !isOption(tokens[i + 1]!)) group.push(canonicalValue(option, tokens[i += 1]!))
  }
  return groups.map(group => group.join('\u0001')).sort().join('\u0002')
}

const STARTS_GROUP: ReadonlySet<string> = new Set(['-s', '-d', '-i', '-o', '-p', '-m', '-j', '-g', '-f'])

const isOption = (token: string): boolean => token === '!' || /^--?[a-zA-Z]/.test(token)

/** xt_statistic keeps a probability as lround(0x80000000 * p) (extensions/libxt_statistic.c). */
function canonicalValue(option: string, value: string): string {
  if (option === '--probability') return String(Math.round(Number(value) * 0x8000_0000))
  if (option === '-s' || option === '-d') return value.replace(/\/(?:32|128|255\.255\.255\.255)$/, '')
  return value
}

// Forms of names (RFC 1123, RFC 1035, qualified names) and the sentences that say what is wrong with one.
// Wording: k8s.io/apimachinery/pkg/util/validation. The doubled blank between examples is upstream's.

/** Problems of a text, none when it is good. */
export type TextRule = (text: string) => readonly string[]

const DNS1123_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const DNS1123_SUBDOMAIN = `${DNS1123_LABEL}(\\.${DNS1123_LABEL})*`
const SUBDOMAIN = new RegExp(`^${DNS1123_SUBDOMAIN}$`)
const DNS1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?'
const QUALIFIED_NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const LABEL_VALUE = `(${QUALIFIED_NAME})?`
const CONFIG_KEY = '[-._a-zA-Z0-9]+'

const maxLength = (max: number): string => `must be no more than ${max} characters`

const explain = (what: string, pattern: string, ...examples: readonly string[]): string =>
  `${what} (e.g. ${examples.map(example => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`

function textRule({ what, pattern, max, examples }: { what: string; pattern: string; max: number; examples: readonly string[] }): TextRule {
  const regex = new RegExp(`^(?:${pattern})$`)
  const sentence = explain(what, pattern, ...examples)
  return text => [...(text.length > max ? [maxLength(max)] : []), ...(regex.test(text) ? [] : [sentence])]
}

const plainLabel = textRule({
  what: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  pattern: DNS1123_LABEL, max: 63, examples: ['my-name', '123-abc'],
})

/** Namespaces, Services (since 1.36), container and volume names. What would be a good subdomain has only its dots wrong. */
export const dns1123Label: TextRule = text =>
  text.includes('.') && SUBDOMAIN.test(text) ? [...(text.length > 63 ? [maxLength(63)] : []), 'must not contain dots'] : plainLabel(text)

/** Most objects' names. */
export const dns1123Subdomain = textRule({
  what: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  pattern: DNS1123_SUBDOMAIN, max: 253, examples: ['example.com'],
})

/** Plurals and kinds of custom resources. */
export const dns1035Label = textRule({
  what: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  pattern: DNS1035_LABEL, max: 63, examples: ['my-name', 'abc-123'],
})

export const labelValue = textRule({
  what: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  pattern: LABEL_VALUE, max: 63, examples: ['MyValue', 'my_value', '12345'],
})

const NAME_PART = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const NAME_EXAMPLES = ['MyName', 'my.name', '123-abc'] as const
const namePart = new RegExp(`^${QUALIFIED_NAME}$`)

/** `[prefix/]name`: keys of labels and annotations, finalizers, resource names. */
export const qualifiedName: TextRule = text => {
  const parts = text.split('/')
  if (parts.length > 2) {
    return [`a qualified name ${explain(NAME_PART, QUALIFIED_NAME, ...NAME_EXAMPLES)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const problems: string[] = []
  const name = parts.at(-1)!
  if (parts.length === 2) {
    const [prefix] = parts as [string]
    if (prefix === '') problems.push('prefix part must be non-empty')
    else problems.push(...dns1123Subdomain(prefix).map(problem => `prefix part ${problem}`))
  }
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > 63) problems.push(`name part ${maxLength(63)}`)
  if (!namePart.test(name)) problems.push(`name part ${explain(NAME_PART, QUALIFIED_NAME, ...NAME_EXAMPLES)}`)
  return problems
}

/** Names that only have to fit into one path segment: RBAC objects, certificate signing requests. */
export const pathSegment: TextRule = text => {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return ['/', '%'].filter(illegal => text.includes(illegal)).map(illegal => `may not contain '${illegal}'`)
}

/** Keys of ConfigMaps and Secrets. */
export const configMapKey: TextRule = text => {
  const problems: string[] = []
  if (text.length > 253) problems.push(maxLength(253))
  if (!/^[-._a-zA-Z0-9]+$/.test(text)) {
    problems.push(explain("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'))
  }
  if (text === '.') problems.push("must not be '.'")
  if (text === '..') problems.push("must not be '..'")
  else if (text.startsWith('..')) problems.push("must not start with '..'")
  return problems
}

/** Names of environment variables: printable ASCII without '='. */
export const envVarName: TextRule = text =>
  /^[ -<>-~]+$/.test(text) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]

/** IANA service names (RFC 6335 section 5.1): names of container and NetworkPolicy ports. */
export const ianaPortName: TextRule = text => {
  const problems: string[] = []
  if (text.length > 15) problems.push(maxLength(15))
  if (!/^[-a-z0-9]+$/.test(text)) problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(text)) problems.push('must contain at least one letter (a-z)')
  if (text.includes('--')) problems.push('must not contain consecutive hyphens')
  if (text.startsWith('-') || text.endsWith('-')) problems.push('must not begin or end with a hyphen')
  return problems
}

/** A rule for the text in front of a generated suffix, which may end where a whole name may not. */
export const asPrefix = (rule: TextRule): TextRule => text => rule(text.endsWith('-') ? `${text.slice(0, -1)}a` : text)

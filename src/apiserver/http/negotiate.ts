// Which form of a response the client wants (Accept header). Pure.
// Protobuf is not offered: every upstream client that prefers it lists JSON or */* as well.

export type Format = 'json' | 'yaml'
/** `object`: as stored. `table`: printed columns. `partial`: metadata only. `partial-list` is what list requests call it. */
export type Rendering = 'object' | 'table' | 'partial'

export type Negotiated = Readonly<{
  format: Format
  rendering: Rendering
  /** The meta.k8s.io version that was asked for. */
  metaVersion: 'v1' | 'v1beta1'
}>

export const OFFERED_TYPES = ['application/json', 'application/yaml'] as const

type Clause = Readonly<{ type: string; quality: number; parameters: ReadonlyMap<string, string> }>

const RENDERINGS: Readonly<Record<string, Rendering>> = {
  Table: 'table', PartialObjectMetadata: 'partial', PartialObjectMetadataList: 'partial',
}

const PLAIN: Negotiated = { format: 'json', rendering: 'object', metaVersion: 'v1' }

/** The best form both sides know; undefined when there is none (406). Missing and empty headers accept anything. */
export function negotiate(accept: string | undefined): Negotiated | undefined {
  if (accept === undefined || accept.trim() === '') return PLAIN
  for (const clause of parseAccept(accept)) {
    const format = formatOf(clause.type)
    if (format === undefined || clause.quality === 0) continue
    const as = clause.parameters.get('as')
    if (as === undefined) return { ...PLAIN, format }
    const rendering = RENDERINGS[as]
    const metaVersion = clause.parameters.get('v')
    const known = clause.parameters.get('g') === 'meta.k8s.io' && (metaVersion === 'v1' || metaVersion === 'v1beta1')
    if (rendering !== undefined && known) return { format, rendering, metaVersion }
  }
  return undefined
}

/** True when some acceptable clause has exactly these parameters (discovery asks with `as=APIGroupDiscoveryList`). */
export const acceptsAs = (accept: string | undefined, wanted: Readonly<{ as: string; group: string; version: string }>): boolean =>
  parseAccept(accept ?? '').some(({ type, parameters }) =>
    formatOf(type) === 'json' && parameters.get('as') === wanted.as && parameters.get('g') === wanted.group && parameters.get('v') === wanted.version)

/** Clauses by falling quality; equal ones in the order given. */
export function parseAccept(accept: string): readonly Clause[] {
  return accept.split(',').map(parseClause).sort((a, b) => b.quality - a.quality)
}

function parseClause(text: string): Clause {
  const [type = '', ...rest] = text.split(';').map(part => part.trim())
  const parameters = new Map(rest.map(part => {
    const equals = part.indexOf('=')
    return equals === -1 ? [part.toLowerCase(), ''] : [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim().replace(/^"(.*)"$/, '$1')]
  }))
  const quality = Number(parameters.get('q') ?? '1')
  return { type: type.toLowerCase(), quality: Number.isFinite(quality) ? quality : 0, parameters }
}

function formatOf(type: string): Format | undefined {
  switch (type) {
    case 'application/json': case 'application/*': case '*/*': return 'json'
    case 'application/yaml': return 'yaml'
    default: return undefined
  }
}

// Writes src/api/protobuf/stored-messages.ts: numbers and types of the fields of kinds that are stored as they come.
//
//   node tools/protobuf/generate.ts ‹folder of k8s.io/api›
//
// Source of truth: the struct tags of the upstream Go types (`protobuf:"bytes,2,opt,name=spec" json:"spec,omitempty"`).

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MESSAGES } from '../../src/api/protobuf/messages.ts'

/** Group versions and their roots. What a root refers to follows by itself. */
const ROOTS: Readonly<Record<string, readonly string[]>> = {
  'core/v1': ['LimitRange', 'PersistentVolume', 'PodTemplate', 'TopologySelectorTerm'],
  'autoscaling/v2': ['HorizontalPodAutoscaler'],
  'autoscaling/v1': ['HorizontalPodAutoscaler'],
  'networking.k8s.io/v1': ['IngressClass'],
  'storage.k8s.io/v1': ['CSIDriver', 'CSIStorageCapacity', 'StorageClass', 'VolumeAttachment', 'VolumeAttributesClass'],
  'node.k8s.io/v1': ['RuntimeClass'],
  'resource.k8s.io/v1': ['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'],
  'flowcontrol.apiserver.k8s.io/v1': ['FlowSchema', 'PriorityLevelConfiguration'],
  'admissionregistration.k8s.io/v1': [
    'MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding', 'MutatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'ValidatingWebhookConfiguration',
  ],
  'authorization.k8s.io/v1': ['SelfSubjectRulesReview'],
}

type Struct = readonly Readonly<{ number: number; name: string; goType: string; shown: boolean }>[]
type Package = Readonly<{ structs: ReadonlyMap<string, Struct>; aliases: ReadonlyMap<string, string> }>

const api = process.argv[2]
if (api === undefined) throw new TypeError('usage: node tools/protobuf/generate.ts <folder of k8s.io/api>')

const folderOf = (groupVersion: string): string => `${groupVersion.split('/')[0]!.split('.')[0]}/${groupVersion.split('/')[1]}`
const packages = new Map<string, Package>()

function readPackage(folder: string): Package {
  let found = packages.get(folder)
  if (found === undefined) {
    const text = globSync('types*.go', { cwd: join(api!, folder) }).map(file => readFileSync(join(api!, folder, file), 'utf8')).join('\n')
    const structs = new Map([...text.matchAll(/^type (\w+) struct \{\n(.*?)^\}/gms)].map(([, name, body]) => [name!, readStruct(body!)]))
    const aliases = new Map([...text.matchAll(/^type (\w+) ([\w.[\]*]+)$/gm)].map(([, name, type]) => [name!, type!]))
    found = { structs, aliases }
    packages.set(folder, found)
  }
  return found
}

const readStruct = (body: string): Struct => [...body.matchAll(/^\s+(?:\w+ +)?([\w.[\]*]+)\s+`([^`]*)`/gm)].flatMap(([, goType, tags]) => {
  const protobuf = /protobuf:"[^",]+,(\d+),[^"]*name=(\w+)/.exec(tags!)
  if (protobuf === null) return []
  const [jsonName = '', ...flags] = (/json:"([^"]*)"/.exec(tags!)?.[1] ?? '').split(',')
  return [{ number: Number(protobuf[1]), name: jsonName === '' ? protobuf[2]! : jsonName, goType: goType!, shown: !flags.includes('omitempty') && !flags.includes('inline') }]
})

const META = /^metav1\.(\w+)$/
const SCALARS: Readonly<Record<string, string>> = { string: '', bool: ':b', int: ':i', int32: ':i', int64: ':i', uint32: ':i', float64: ':d' }

/** The notation of a Go type, and the messages of the same package that it needs. */
function notation(goType: string, folder: string): { text: string; needs: readonly string[] } {
  const inner = goType.replace(/^\*/, '')
  if (inner === '[]byte') return { text: ':y', needs: [] }
  if (inner.startsWith('[]')) {
    const { text, needs } = notation(inner.slice(2), folder)
    return { text: `${text}*`, needs }
  }
  const map = /^map\[[\w.]+\](.+)$/.exec(inner)
  if (map !== null) {
    const { text, needs } = notation(map[1]!, folder)
    return { text: `:map${text}`, needs }
  }
  if (SCALARS[inner] !== undefined) return { text: SCALARS[inner], needs: [] }
  const meta = META.exec(inner)
  if (meta !== null) return { text: ['LabelSelectorOperator', 'ConditionStatus', 'StatusReason'].includes(meta[1]!) ? '' : `:${meta[1]}`, needs: [] }
  if (inner.startsWith('resource.')) return { text: ':Quantity', needs: [] }
  if (inner.startsWith('intstr.')) return { text: ':IntOrString', needs: [] }
  if (inner.startsWith('runtime.')) return { text: ':RawExtension', needs: [] }
  if (inner === 'types.UID') return { text: '', needs: [] }
  const core = /^(?:v1|corev1)\.(\w+)$/.exec(inner)
  const home = core === null ? folder : 'core/v1'
  const name = core === null ? inner : core[1]!
  const alias = readPackage(home).aliases.get(name)
  if (alias !== undefined) return notation(alias, home)
  if (!readPackage(home).structs.has(name)) throw new TypeError(`${folder}: ${goType} is no known type`)
  return { text: `:${name}`, needs: home === folder ? [name] : [] }
}

const sections = Object.entries(ROOTS).map(([groupVersion, roots]) => {
  const folder = folderOf(groupVersion)
  const known = new Set([...(((MESSAGES as Readonly<Record<string, string>>)[groupVersion] ?? '').matchAll(/^\s*(\w+)\{/gm))].map(([, name]) => name))
  const done = new Map<string, string>()
  const pending = [...roots]
  while (pending.length > 0) {
    const name = pending.shift()!
    if (done.has(name) || known.has(name)) continue
    let last = 0
    const fields = [...readPackage(folder).structs.get(name)!].sort((a, b) => a.number - b.number).map(({ number, name: field, goType, shown }) => {
      const { text, needs } = notation(goType, folder)
      pending.push(...needs)
      const start = number === last + 1 ? '' : String(number)
      last = number
      return `${start}${field}${goType.startsWith('*') ? '?' : ''}${shown ? '!' : ''}${text}`
    })
    done.set(name, `    ${name}{${fields.join(' ')}}`)
  }
  return `  '${groupVersion}': \`\n${[...done.values()].join('\n')}\n  \`,`
})

writeFileSync(join(dirname(import.meta.dirname), '..', 'src/api/protobuf/stored-messages.ts'), `// Made by tools/protobuf/generate.ts from the Go types of k8s.io/api; do not edit. Notation: messages.ts.
// Kinds that are stored as they come, but which upstream's controllers write, and its server stores, as protobuf.

export const STORED_MESSAGES: Readonly<Record<string, string>> = {
${sections.join('\n')}
}
`)

// Prose of types and fields, read from the declarations of kubernetes-types (Apache-2.0), which carry it as comments.
// Kept out of the table of types: it is thirty times its size and only `kubectl explain` wants it.

import type { Describe } from './definitions.ts'

/** Texts of declaration files by "group/version", such as "core/v1". */
export type DeclarationFiles = (groupVersion: string) => string | undefined

/** Reads a file when one of its types is first asked for. */
export function describeFrom(files: DeclarationFiles): Describe {
  const read = new Map<string, ReadonlyMap<string, string>>()
  return subject => {
    const [groupVersion, name] = splitSubject(subject)
    let prose = read.get(groupVersion)
    if (prose === undefined) {
      prose = parseDeclarations(files(groupVersion) ?? '')
      read.set(groupVersion, prose)
    }
    return prose.get(name) ?? ''
  }
}

/** "core/v1.Pod.spec" -> "core/v1", "Pod.spec". */
function splitSubject(subject: string): readonly [string, string] {
  const dot = subject.indexOf('.')
  return [subject.slice(0, dot), subject.slice(dot + 1)]
}

const INTERFACE = /^(?:\/\*\*([\s\S]*?)\*\/\n)?export interface (\w+) \{\n([\s\S]*?)^\}/gm
const FIELD = /^ {4}\/\*\*([\s\S]*?)\*\/\n {4}(?:readonly )?"?([\w$-]+)"?\??:/gm

/** Comments of "Type" and "Type.field". */
export function parseDeclarations(text: string): ReadonlyMap<string, string> {
  const prose = new Map<string, string>()
  for (const [, comment = '', name, body] of text.matchAll(INTERFACE)) {
    prose.set(name!, plain(comment))
    for (const [, fieldComment, field] of body!.matchAll(FIELD)) prose.set(`${name}.${field}`, plain(fieldComment!))
  }
  return prose
}

const plain = (comment: string): string => comment.split('\n').map(line => line.replace(/^\s*\* ?/, '')).join('\n').trim()

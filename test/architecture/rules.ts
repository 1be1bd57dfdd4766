// The table of rooms: what each may import, which are pure, and who wraps which package.

import type { SourceFile } from './source-files.ts'

type Room = Readonly<{
  path: string
  /** Names of the rooms this one may import besides itself. */
  mayImport: readonly string[]
  /** Pure rooms hold no I/O, no clock, no randomness, no process state. */
  pure?: true
}>

const ROOMS: Readonly<Record<string, Room>> = {
  main: { path: 'src/main.ts', mayImport: ['commands', 'errors'] },
  commands: {
    path: 'src/commands/',
    mayImport: ['apiserver', 'controllers', 'agent', 'proxy', 'node', 'cluster', 'host', 'client', 'cni', 'store', 'api', 'net', 'ops'],
  },
  apiserver: { path: 'src/apiserver/', mayImport: ['store', 'api', 'net', 'ops'] },
  controllers: { path: 'src/controllers/', mayImport: ['client', 'api', 'net', 'ops'] },
  agent: { path: 'src/agent/', mayImport: ['client', 'cni', 'store', 'api', 'net', 'ops'] },
  proxy: { path: 'src/proxy/', mayImport: ['client', 'api', 'net', 'ops'] },
  node: { path: 'src/node/', mayImport: ['client', 'api', 'net', 'ops'] },
  cluster: { path: 'src/cluster/', mayImport: ['client', 'api', 'net', 'ops'] },
  host: { path: 'src/host/', mayImport: ['client', 'api', 'net', 'ops'] },
  client: { path: 'src/client/', mayImport: ['api', 'net', 'ops'] },
  cni: { path: 'cni/plugin/', mayImport: ['api', 'net', 'ops'] },
  store: { path: 'src/store/', mayImport: ['api', 'net', 'ops'] },
  api: { path: 'src/api/', mayImport: ['ip', 'errors'], pure: true },
  ip: { path: 'src/net/ip/', mayImport: ['errors'], pure: true },
  net: { path: 'src/net/', mayImport: ['ip', 'errors', 'ops'] },
  errors: { path: 'src/ops/errors.ts', mayImport: [], pure: true },
  ops: { path: 'src/ops/', mayImport: ['errors'] },
}

/** Single files and folders that must stay pure inside rooms that are not. Planners are named `plan*`. */
const PURE_FILE = /(?:^|\/)(?:plan|plan-[\w-]+|[\w-]+-plan)\.ts$|^src\/proxy\/(?:tracker|service-table|iptables)\/|^src\/host\/doctor\/(?:checks\/|report\.ts)/

/** Node modules and globals that make code impure. */
const IMPURE_MODULE = /^node:(?!util$|assert$|buffer$|path$|path\/posix$|url$|crypto$)|^(?:netlink|koffi|raw-socket|lmdb|etcd3|fastify|pino|prom-client)$/
const IMPURE_CALL = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.(?!exitCode)\w+|performance\.now|randomUUID|randomBytes)\b/

/** Third-party packages and the one place that may import each. */
const WRAPPED: Readonly<Record<string, RegExp>> = {
  netlink: /^src\/net\/(?:netlink|nfnetlink)\//,
  koffi: /^src\/net\//,
  'raw-socket': /^src\/net\/icmp\//,
  'ip-num': /^src\/net\/ip\//,
  lmdb: /^src\/store\/lmdb\//,
  etcd3: /^src\/(?:store\/etcd|agent\/leases)\//,
  fastify: /^src\/(?:apiserver|ops)\//,
  'prom-client': /^src\/ops\//,
  pino: /^src\/ops\//,
  '@peculiar/x509': /^src\/ops\/certificates\//,
  'reflect-metadata': /^src\/ops\/certificates\//,
  jose: /^src\/apiserver\/tokens\//,
  commander: /^src\/commands\//,
  ajv: /^src\/api\/custom-resources\//,
  'fast-json-patch': /^src\/api\/patch\//,
}

const FORBIDDEN_FOLDER = /(?:^|\/)(?:utils?|common|helpers?|misc|types|lib)\//

/** Rooms from the most special to the most general, so that `src/ops/errors.ts` is found before `src/ops/`. */
const BY_DEPTH = Object.entries(ROOMS).sort(([, a], [, b]) => b.path.length - a.path.length)

/** Name of the room a file lies in, or undefined for a file that lies nowhere. */
export const roomOf = (path: string): string | undefined => BY_DEPTH.find(([, room]) => path.startsWith(room.path))?.[0]

/** One sentence, with file and line, per broken rule. */
export function violations(file: SourceFile): readonly string[] {
  const roomName = roomOf(file.path)
  if (roomName === undefined) return []
  const room = ROOMS[roomName]!
  const pure = room.pure === true || PURE_FILE.test(file.path)
  const found: string[] = []
  if (FORBIDDEN_FOLDER.test(file.path)) found.push(`${file.path}:1: a folder is one concept under the field's word`)
  for (const { specifier, line, typeOnly, target } of file.imports) {
    const at = `${file.path}:${line}:`
    const targetRoom = target === undefined ? undefined : roomOf(target)
    if (targetRoom !== undefined && targetRoom !== roomName && !reaches(room, targetRoom)) {
      found.push(`${at} ${roomName} may not import ${targetRoom}`)
    }
    if (target !== undefined && targetRoom === undefined) found.push(`${at} ${target} lies in no room`)
    const wrapper = WRAPPED[specifier]
    if (wrapper !== undefined && !wrapper.test(file.path)) found.push(`${at} only ${wrapper.source} may import ${specifier}`)
    if (pure && !typeOnly && IMPURE_MODULE.test(specifier)) found.push(`${at} ${roomName} is pure: ${specifier}`)
  }
  if (pure) found.push(...impureCalls(file, roomName))
  return found
}

/** Importing `ops` or `net` includes the pure rooms inside them. */
const reaches = (room: Room, target: string): boolean =>
  room.mayImport.includes(target) ||
  (target === 'errors' && room.mayImport.includes('ops')) ||
  (target === 'ip' && room.mayImport.includes('net'))

function impureCalls(file: SourceFile, roomName: string): readonly string[] {
  return file.text.split('\n').flatMap((text, index) => {
    const call = /^\s*(?:\/\/|\*|\/\*)/.test(text) ? null : IMPURE_CALL.exec(text)
    return call === null ? [] : [`${file.path}:${index + 1}: ${roomName} is pure: ${call[1]}`]
  })
}

// From a raw request to one that can be served. The order of the checks decides which error a runtime sees; it is that of
// the upstream plugin library 1.3 (pkg/skel), with the namespace judged before anything is done instead of after.

import { CniError } from '../cni-error.ts'
import type { CniResult } from '../result/result.ts'
import { readResult } from '../result/read-result.ts'
import { checkVersion, CNI_VERBS, DEFAULT_CNI_VERSION, type CniVerb, type CniVersion } from '../version.ts'
import type { RawRequest } from '../wire/raw-request.ts'
import { parseCniArgs, type CniArgs } from './cni-args.ts'
import { Fields, isObject } from './fields.ts'

export type CniRequest = Readonly<{
  verb: CniVerb
  cniVersion: CniVersion
  /** Name of the network. */
  network: string
  /** Empty for GC and STATUS. */
  containerId: string
  ifname: string
  /** As the runtime gave it: it is repeated in the result's `sandbox`. May be empty for DEL. */
  netns: string
  /** The runtime permits the host's own namespace. */
  netnsOverride: boolean
  args: CniArgs
  config: Fields
  prevResult: CniResult | undefined
  program: string
}>

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/
const REQUIRED = { ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'], CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'], DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'], GC: [], STATUS: [] } as const

/** Throws CniError with the first failing check's code. */
export function parseRequest(raw: RawRequest): CniRequest {
  const verb = CNI_VERBS.find(candidate => candidate === raw.command)
  checkVariables(raw, verb)
  const config = parseStdin(raw)
  const network = config.string('name') ?? ''
  if (!NAME.test(network)) {
    throw new CniError('CNI_INVALID_NETWORK_CONFIG', network === '' ? 'missing network name: the key "name" is empty or absent' : 'invalid characters found in network name', network || undefined)
  }
  if (verb === undefined) throw new CniError('CNI_INVALID_ENVIRONMENT', `unknown CNI_COMMAND: ${raw.command}`)
  const cniVersion = checkVersion(config.string('cniVersion') || DEFAULT_CNI_VERSION, verb)
  const usesAttachment = REQUIRED[verb].length > 0
  return {
    verb,
    cniVersion,
    network,
    containerId: usesAttachment ? raw.containerId : '',
    ifname: usesAttachment ? raw.ifname : '',
    netns: raw.netns,
    netnsOverride: ['1', 'true'].includes(raw.netnsOverride.toLowerCase()),
    args: parseCniArgs(usesAttachment ? raw.args : ''),
    config,
    prevResult: usesAttachment ? readPrevResult(config, cniVersion, verb) : undefined,
    program: raw.program,
  }
}

/** First what is there and wrong, then what is missing, all at once and in the specification's order. */
function checkVariables(raw: RawRequest, verb: CniVerb | undefined): void {
  const required: readonly string[] = verb === undefined ? [] : REQUIRED[verb]
  if (required.length === 0) return
  if (raw.containerId !== '' && !NAME.test(raw.containerId)) {
    throw new CniError('CNI_INVALID_ENVIRONMENT', 'invalid characters in CNI_CONTAINERID', raw.containerId)
  }
  if (raw.ifname !== '') checkInterfaceName(raw.ifname)
  const values: Readonly<Record<string, string>> = { CNI_CONTAINERID: raw.containerId, CNI_NETNS: raw.netns, CNI_IFNAME: raw.ifname }
  const missing = required.filter(name => values[name] === '')
  if (missing.length > 0) throw new CniError('CNI_INVALID_ENVIRONMENT', `required env variables [${missing.join(',')}] missing`)
}

/** dev_valid_name() in net/core/dev.c, with the length in bytes (IFNAMSIZ 16, zero included). */
export function checkInterfaceName(name: string): void {
  const problem =
    Buffer.byteLength(name) > 15 ? 'is longer than 15 bytes'
    : name === '.' || name === '..' ? 'is . or ..'
    : /[/:]|\p{White_Space}/u.test(name) ? 'contains /, : or white space'
    : undefined
  if (problem !== undefined) throw new CniError('CNI_INVALID_ENVIRONMENT', `interface name ${problem}`, name)
}

function parseStdin(raw: RawRequest): Fields {
  if (raw.stdinErrno !== undefined) {
    throw new CniError('CNI_IO_FAILURE', `cannot read the configuration from stdin: errno ${raw.stdinErrno}`, raw.stdinErrno === EFBIG ? 'more than 4 MiB' : undefined)
  }
  let value: unknown
  try {
    value = JSON.parse(raw.stdin.toString('utf8'))
  } catch (cause) {
    throw new CniError('CNI_DECODING_FAILURE', `cannot decode the configuration: ${(cause as Error).message}`, undefined, { cause })
  }
  if (!isObject(value)) throw new CniError('CNI_DECODING_FAILURE', 'the configuration is not a JSON object')
  return new Fields(value)
}
const EFBIG = 27

function readPrevResult(config: Fields, cniVersion: CniVersion, verb: CniVerb): CniResult | undefined {
  const value = config.object('prevResult')
  if (value !== undefined) return readResult(value, cniVersion)
  if (verb === 'CHECK') throw new CniError('CNI_INVALID_NETWORK_CONFIG', 'Required prevResult missing')
  return undefined
}

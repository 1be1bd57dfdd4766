// Sends one request to two API servers and tells how the answers differ, apart from what must differ (uids, times,
// allocated numbers).

import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'

export type Step = Readonly<{ name: string; method: string; path: string; body?: unknown; headers?: Readonly<Record<string, string>> }>

type Answer = Readonly<{ code: number; warning: string; body: unknown }>
type Kubeconfig = {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
}

/** Raw requests with the credentials of a kubeconfig of the laboratories. */
export class Side implements Disposable {
  readonly #url: string
  readonly #agent: Agent

  constructor(kubeconfig: string) {
    const { clusters: [{ cluster }], users: [{ user }] } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig & { clusters: [{ cluster: Kubeconfig['clusters'][0]['cluster'] }]; users: [{ user: Kubeconfig['users'][0]['user'] }] }
    const pem = (base64: string): Buffer => Buffer.from(base64, 'base64')
    this.#url = cluster.server
    this.#agent = new Agent({
      keepAlive: true, ca: pem(cluster['certificate-authority-data']), cert: pem(user['client-certificate-data']), key: pem(user['client-key-data']),
    })
  }

  send({ method, path, body, headers = {} }: Step): Promise<Answer> {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const request = httpsRequest(this.#url + path, {
        // Without a length Node sends the body of a DELETE as if it were the next request.
        method, agent: this.#agent, headers: { 'user-agent': 'tester/1', ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers },
      }, response => {
        let received = ''
        response.setEncoding('utf8').on('data', (part: string) => (received += part)).on('end', () => {
          const isJson = /json/.test(response.headers['content-type'] ?? '')
          resolve({ code: response.statusCode!, warning: String(response.headers['warning'] ?? ''), body: isJson ? JSON.parse(received) as unknown : received })
        })
      })
      request.on('error', reject)
      request.end(text)
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** Every difference in one line; none when the answers say the same. */
export async function differences(upstream: Side, ours: Side, step: Step): Promise<readonly string[]> {
  const [theirs, mine] = await Promise.all([upstream.send(step), ours.send(step)])
  const found: string[] = []
  const note = (what: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) found.push(`${step.name}: ${what}: upstream ${JSON.stringify(a)}, ours ${JSON.stringify(b)}`)
  }
  note('code', theirs.code, mine.code)
  note('warning', theirs.warning, mine.warning)
  const [a, b] = [settle(theirs.body), settle(mine.body)]
  if (isStatus(a) && isStatus(b)) {
    note('message', a.message, b.message)
    note('reason', a.reason, b.reason)
    note('causes', causesOf(a), causesOf(b))
    return found
  }
  const [left, right] = [leaves(a), leaves(b)]
  for (const path of new Set([...left.keys(), ...right.keys()])) note(path, left.get(path), right.get(path))
  return found
}

type Status = { kind: 'Status'; status: string; message?: string; reason?: string; details?: { causes?: { reason?: string; field?: string }[] } }

const isStatus = (body: unknown): body is Status => (body as Status | undefined)?.kind === 'Status' && (body as Status).status === 'Failure'
/** Once each and sorted: upstream lists some twice, and those of an apply in the order of a Go map. */
const causesOf = ({ details }: Status): unknown => [...new Set((details?.causes ?? []).map(({ reason, field }) => `${reason} ${field}`))].sort()

const MUST_DIFFER: ReadonlySet<string> = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'time', 'lastTransitionTime'])

/** Replaces what the two servers choose for themselves by words. */
function settle(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body ?? null, (key: string, value: unknown) => {
    if (MUST_DIFFER.has(key)) return undefined
    if ((key === 'nodePort' || key === 'healthCheckNodePort') && typeof value === 'number' && value !== 0) return 'a port'
    if (typeof value !== 'string') return value
    return value.replaceAll(/\b10\.96\.\d+\.\d+\b/g, 'a cluster IP').replaceAll(/kube-api-access-\w{5}/g, 'kube-api-access').replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'a uid')
  })) as unknown
}

/** Values by path; an empty list, an empty map, null and nothing at all are the same to every client. */
function leaves(value: unknown, path = '', found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) leaves(inner, `${path}/${key}`, found)
  else if (value !== null && value !== undefined && value !== '' && value !== 0 && value !== false) found.set(path, value)
  return found
}

// Who reaches whom, as a table of hosts by hosts. Pure.

import { formatTable } from '../console/table.ts'

/** One way of the agent's /status, as far as the table shows it. */
export type MeshPath = Readonly<{
  family: number
  hostMs: number | null
  tunnelMs: number | null
  hostLoss: number | null
  tunnelLoss: number | null
  pathMtu: number | null
  wantedMtu: number
  fault: string | null
}>

/** What one host's agent tells; `peers` undefined when it does not answer. */
export type MeshRow = Readonly<{ host: string; peers: readonly Readonly<{ owner: string; problem: string | null; paths: readonly MeshPath[] }>[] | undefined }>

/** Round trip and path MTU from every host (rows) to every other (columns). */
export function formatMesh(rows: readonly MeshRow[]): string {
  const hosts = rows.map(({ host }) => host)
  return formatTable(['FROM / TO', ...hosts], rows.map(row => [row.host, ...hosts.map(to => cellOf(row, to))]))
}

function cellOf({ host, peers }: MeshRow, to: string): string {
  if (host === to) return '-'
  if (peers === undefined) return 'agent silent'
  const peer = peers.find(({ owner }) => owner === to)
  if (peer === undefined) return 'no lease'
  if (peer.problem !== null) return peer.problem
  return peer.paths.length === 0 ? 'not probed yet' : peer.paths.map(describe).join(', ')
}

function describe(path: MeshPath): string {
  const [milliseconds, loss] = [path.tunnelMs ?? path.hostMs, path.tunnelLoss ?? path.hostLoss]
  const parts = [
    milliseconds === null ? 'no answer' : `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`,
    ...(path.pathMtu === null ? [] : [path.pathMtu < path.wantedMtu ? `MTU ${path.pathMtu} of ${path.wantedMtu}` : `MTU ${path.pathMtu}`]),
    ...(loss === null || loss === 0 ? [] : [`${Math.round(loss * 100)} % lost`]),
    ...(path.fault === null ? [] : [path.fault]),
  ]
  return parts.join(' ')
}

/** True when every host reaches every other, as far as is known yet. */
export const isMeshHealthy = (rows: readonly MeshRow[]): boolean =>
  rows.every(({ peers }) => (peers ?? []).every(({ problem, paths }) => problem === null && paths.every(({ fault }) => fault === null)))

import test from 'ava'
import { formatMesh, isMeshHealthy, type MeshPath, type MeshRow } from '../../../../src/cluster/mesh/format-mesh.ts'

const path = (more: Partial<MeshPath> = {}): MeshPath => ({ family: 4, hostMs: 0.1, tunnelMs: 0.234, hostLoss: 0, tunnelLoss: 0, pathMtu: 1450, wantedMtu: 1450, fault: null, ...more })
const peer = (owner: string, paths: readonly MeshPath[], problem: string | null = null) => ({ owner, problem, paths })

test('the matrix shows round trip and path MTU from every host to every other, and faults in words', t => {
  const rows: readonly MeshRow[] = [
    { host: 'host-1', peers: [peer('host-2', [path()]), peer('host-3', [path({ pathMtu: 1254, fault: 'black-hole' })])] },
    { host: 'host-2', peers: [peer('host-1', []), peer('host-3', [path({ tunnelMs: null, hostMs: null, pathMtu: null, tunnelLoss: 1, fault: 'host-silent' })])] },
    { host: 'host-3', peers: undefined },
  ]
  t.is(formatMesh(rows), [
    'FROM / TO   host-1           host-2             host-3',
    'host-1      -                0.23 ms MTU 1450   0.23 ms MTU 1254 of 1450 black-hole',
    'host-2      not probed yet   -                  no answer 100 % lost host-silent',
    'host-3      agent silent     agent silent       -',
    '',
  ].join('\n'))
  t.false(isMeshHealthy(rows))
  t.true(isMeshHealthy([{ host: 'host-1', peers: [peer('host-2', [path()])] }, { host: 'host-2', peers: [peer('host-1', [])] }]))
  t.false(isMeshHealthy([{ host: 'host-1', peers: [peer('host-2', [], 'unreachable')] }]))
})

// Every section of the catalogue that is told by packets.

import type { Scenario } from '../scenario.ts'
import { clusterIpScenarios } from './a-cluster-ip.ts'
import { noEndpointScenarios } from './b-no-endpoints.ts'
import { nodePortScenarios } from './c-node-port.ts'
import { externalScenarios } from './d-external.ts'
import { policyScenarios } from './e-policies.ts'
import { terminatingScenarios } from './f-terminating.ts'
import { topologyScenarios } from './g-topology.ts'
import { affinityScenarios } from './h-affinity.ts'
import { udpScenarios } from './i-udp.ts'
import { robustnessScenarios } from './j-robustness.ts'
import { oracleScenarios } from './oracle.ts'

export const scenarios: readonly Scenario[] = [
  ...clusterIpScenarios, ...noEndpointScenarios, ...nodePortScenarios, ...externalScenarios, ...policyScenarios,
  ...terminatingScenarios, ...topologyScenarios, ...affinityScenarios, ...udpScenarios, ...robustnessScenarios, ...oracleScenarios,
]

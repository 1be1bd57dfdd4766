// The scenario catalogue on nftables, IPv4.

import { nftablesOpener } from './nftables-opener.ts'
import { testScenarios } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

testScenarios(scenarios, { backend: 'nftables', family: 4, opener: nftablesOpener })

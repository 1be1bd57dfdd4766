// The scenario catalogue on nftables, IPv6.

import { nftablesOpener } from './nftables-opener.ts'
import { testScenarios } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

testScenarios(scenarios, { backend: 'nftables', family: 6, opener: nftablesOpener })

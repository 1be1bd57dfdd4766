// The scenario catalogue on iptables-nft, IPv6.

import { iptablesOpener } from './iptables-opener.ts'
import { testScenarios } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

testScenarios(scenarios, { backend: 'iptables-nft', family: 6, opener: iptablesOpener('nft') })

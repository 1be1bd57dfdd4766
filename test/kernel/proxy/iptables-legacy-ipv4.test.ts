// The scenario catalogue on iptables-legacy, IPv4.

import { iptablesOpener } from './iptables-opener.ts'
import { testScenarios } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

testScenarios(scenarios, { backend: 'iptables-legacy', family: 4, opener: iptablesOpener('legacy') })

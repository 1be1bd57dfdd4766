// The scenario catalogue on iptables-legacy, IPv6.

import { iptablesOpener } from './iptables-opener.ts'
import { testScenarios } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

testScenarios(scenarios, { backend: 'iptables-legacy', family: 6, opener: iptablesOpener('legacy') })

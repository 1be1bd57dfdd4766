// How this very program is run again, for daemons and for the background.

import type { BaseEnvironment } from '../daemons-plan.ts'
import { mainProgram } from '../../ops/project.ts'
import type { WeftProgram } from '../supervisor/run-daemon.ts'

export const ownProgram = (): WeftProgram => ({ node: process.execPath, main: mainProgram() })

export const ownEnvironment = (): BaseEnvironment => ({ path: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', compileCache: process.env['NODE_COMPILE_CACHE'] })

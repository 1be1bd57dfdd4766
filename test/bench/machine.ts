// The machine's description, without which no figure means anything.

import { execFileSync } from 'node:child_process'
import { systemPath } from '../lab/processes.ts'
import { arch, cpus, release, totalmem } from 'node:os'

export type Machine = Readonly<{ cpu: string; cores: number; memoryGiB: number; kernel: string; node: string; iptables: string; nft: string }>

export function describeMachine(): Machine {
  return {
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown'} (${arch()})`,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    iptables: firstLine('iptables', ['--version']),
    nft: firstLine('nft', ['--version']),
  }
}

function firstLine(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, PATH: systemPath(process.env['PATH']) } }).split('\n')[0]!.trim()
  } catch {
    return 'not found'
  }
}

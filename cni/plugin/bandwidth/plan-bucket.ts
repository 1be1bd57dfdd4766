// A rate as the kernel's token bucket takes it. Same numbers as the upstream bandwidth plugin, without its overflow.

import type { TokenBucket } from '../../../src/net/rtnetlink/traffic-control.ts'
import type { Rate } from '../config/bandwidth.ts'

/** How long a packet may wait in the queue: upstream's choice. */
const LATENCY_MS = 25
const MAX_U32 = 0xffff_ffffn

/** Ticks per second of the packet scheduler's clock, from the first three numbers of /proc/net/psched. */
export function ticksPerSecond(psched: string): number {
  const [nanosecondsPerMicrosecond = 1000, nanosecondsPerTick = 64] = psched.trim().split(/\s+/).map(hex => Number.parseInt(hex, 16))
  return (1_000_000 * nanosecondsPerMicrosecond) / nanosecondsPerTick
}

/**
 * Runtimes send a burst of 2^32 - 1 bits as "no limit". At a low rate its time does not fit the 32 bits that the kernel has
 * for it: clamped, the bucket is merely smaller; overflown, it would be a bucket of nearly nothing.
 */
export function planBucket(rate: Rate, options: Readonly<{ ticksPerSecond: number }>): TokenBucket {
  const bytesPerSecond = BigInt(Math.max(1, Math.floor(rate.bitsPerSecond / 8)))
  const wantedBurst = BigInt(Math.floor(rate.burstBits / 8))
  const largestBurst = (MAX_U32 * bytesPerSecond) / BigInt(Math.round(options.ticksPerSecond))
  const burst = clamp(wantedBurst < largestBurst ? wantedBurst : largestBurst)
  return {
    rate: bytesPerSecond,
    burst,
    buffer: clamp((BigInt(burst) * BigInt(Math.round(options.ticksPerSecond))) / bytesPerSecond),
    limit: clamp((bytesPerSecond * BigInt(LATENCY_MS)) / 1000n + wantedBurst),
  }
}

const clamp = (value: bigint): number => Number(value > MAX_U32 ? MAX_U32 : value)

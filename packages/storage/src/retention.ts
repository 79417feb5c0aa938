import type { FileSystem } from './file-system.ts'
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

/** `retention.ms`: is the newest record of the segment older than that? */
export function isTooOld(
  segment: Segment,
  config: LogConfig,
  nowMs: number,
  fileSystem: FileSystem,
): boolean {
  const { retentionMs } = config
  if (retentionMs < 0 || retentionMs === Number.POSITIVE_INFINITY) return false
  return nowMs - segment.largestTimestamp(fileSystem) > retentionMs
}

/** `retention.bytes`: does the log stay at least that large without the segment? */
export function isTooMuch(segment: Segment, config: LogConfig, excessBytes: number): boolean {
  return config.retentionBytes >= 0 && excessBytes >= segment.size
}

/**
 * Has what was fetched collected while it is young, in Node 22 and later.
 *
 * Fetch responses and what they are decompressed to lie outside V8's heap, and a consumer makes
 * little garbage inside it. Node 20 collects the young generation for every 32 MiB outside; since
 * then V8 lets 128 MiB pass, but marks the whole heap for every 20 MiB once it has begun to: two
 * thirds of the processor time of a consumer of 10 KiB records. So as soon as a few megabytes more
 * lie outside than after the last look, what is left of the young generation is filled with
 * garbage. V8 then collects it, in less than a millisecond.
 *
 * A program that makes garbage of its own is collected by itself and left alone, as is one whose
 * young generation is so large that filling it would cost more than it brings. Guarded by
 * test/compatibility/client/runtimes.test.ts, and by `ottla defaults` of
 * bench/macro/client-speed.ts: consume 10 KiB, 17 -> 7 CPU seconds per million.
 */
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

const GROWTH_BYTES = 12 * 1024 * 1024
/** Between two looks, which take two microseconds each. */
const LOOK_BYTES = 4 * 1024 * 1024
const FILL_BYTES_MAX = 16 * 1024 * 1024
const SLOTS = 8_000
const BYTES_PER_SLOT = 8

/** Other engines collect in other ways, and need not have these statistics. */
const isV8 = !('bun' in process.versions)

let unseenBytes = 0
let lowestBytes = Number.POSITIVE_INFINITY
/** Or the compiler might leave out what nobody reads. */
const sink: { garbage?: unknown } = {}

/** So many bytes were allocated outside the heap, and will soon be garbage. */
export function noteYoungBytes(bytes: number): void {
  unseenBytes += bytes
  if (unseenBytes < LOOK_BYTES || !isV8) return
  unseenBytes = 0
  const outside = getHeapStatistics().external_memory
  lowestBytes = Math.min(lowestBytes, outside)
  if (outside - lowestBytes < GROWTH_BYTES) return
  fillYoungGeneration()
  lowestBytes = getHeapStatistics().external_memory
}

function fillYoungGeneration(): void {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  const room = space?.space_available_size ?? Number.POSITIVE_INFINITY
  if (room > FILL_BYTES_MAX) return
  for (let left = room; left >= 0; left -= SLOTS * BYTES_PER_SLOT) sink.garbage = new Array(SLOTS)
  sink.garbage = undefined
}

/**
 * Makes large allocations cheap on Linux with glibc.
 *
 * glibc asks the kernel for each block above a threshold (at first 128 KiB) and gives it back when
 * it is freed, so every fetch response of a megabyte is paged in anew: 256 page faults, a fifth of
 * the processor time of a consumer of 1 KiB records. The threshold rises to the size of the largest
 * block that was ever freed this way (up to 32 MiB). Freeing one block that was never written to
 * costs nothing and lifts the threshold above any usual fetch. Other allocators do not mind.
 *
 * Guarded by bench/macro/client-speed.ts: consume 1 KiB, 0.80 -> 0.62 CPU seconds per million.
 */
const BLOCK_BYTES = 16 * 1024 * 1024

let isDone = false

/** Frees one large block, once per process. */
export function keepLargeAllocations(): void {
  if (isDone) return
  isDone = true
  const block: ArrayBuffer & { transfer?: (size: number) => ArrayBuffer } =
    Buffer.allocUnsafeSlow(BLOCK_BYTES).buffer
  // Frees at once where Node has it (21 and later); else the garbage collector does, soon enough.
  block.transfer?.(0)
}

/** Lists of offset ranges that are in one state; ordered, and free of overlaps. */

export interface StateBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryState: number
  readonly deliveryCount: number
}

/** `newer` wins over `older`; what lies below `startOffset` is dropped; equal neighbours join. */
export function combineBatches(
  older: readonly StateBatch[],
  newer: readonly StateBatch[],
  startOffset: number,
): StateBatch[] {
  let combined: readonly StateBatch[] = older
  for (const batch of newer) combined = [...without(combined, batch), batch]
  const kept = combined
    .filter(({ lastOffset }) => lastOffset >= startOffset)
    .map((batch) => ({ ...batch, firstOffset: Math.max(batch.firstOffset, startOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset)
  return joined(kept)
}

/** The ranges as far as `hole` leaves something of them. */
function* without(batches: readonly StateBatch[], hole: StateBatch): Iterable<StateBatch> {
  for (const batch of batches) {
    if (batch.lastOffset < hole.firstOffset || batch.firstOffset > hole.lastOffset) {
      yield batch
      continue
    }
    if (batch.firstOffset < hole.firstOffset) {
      yield { ...batch, lastOffset: hole.firstOffset - 1 }
    }
    if (batch.lastOffset > hole.lastOffset) yield { ...batch, firstOffset: hole.lastOffset + 1 }
  }
}

/** Neighbours that touch and are in the same state, as one. */
export function joined(batches: Iterable<StateBatch>): StateBatch[] {
  const result: StateBatch[] = []
  for (const batch of batches) {
    const last = result.at(-1)
    const touches =
      last &&
      last.lastOffset + 1 === batch.firstOffset &&
      last.deliveryState === batch.deliveryState &&
      last.deliveryCount === batch.deliveryCount
    if (touches) result[result.length - 1] = { ...last, lastOffset: batch.lastOffset }
    else result.push(batch)
  }
  return result
}

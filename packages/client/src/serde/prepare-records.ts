/** Lets serdes fetch what they need for a batch, such as the schemas it was written with. */
import type { AnySerde } from './serde.ts'
import type { AnyTopic } from './topic.ts'

interface EncodedRecord {
  readonly keyBytes: Buffer | null
  readonly valueBytes: Buffer | null
}

/** Undefined when there is nothing to wait for, at once where the serdes have no `prepare`. */
export function prepareRecords(
  { key, value }: AnyTopic,
  records: Iterable<EncodedRecord>,
): Promise<unknown> | undefined {
  if (!key.prepare && !value.prepare) return undefined
  // Records of one schema wait for the same promise.
  const awaited = new Set<Promise<void>>()
  const prepare = (serde: AnySerde, bytes: Buffer | null) => {
    const wait = serde.prepare?.(bytes)
    if (wait) awaited.add(wait)
  }
  for (const { keyBytes, valueBytes } of records) {
    if (key.prepare) prepare(key, keyBytes)
    if (value.prepare) prepare(value, valueBytes)
  }
  return awaited.size === 0 ? undefined : Promise.all(awaited)
}

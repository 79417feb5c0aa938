/**
 * What was sent, what was acknowledged and where, and what must follow from it. Values are
 * `<producer>:<partition>:<number>`, numbered without a gap per producer and partition.
 */

export interface StoredValue {
  readonly partition: number
  readonly value: string
}

export class Ledger {
  /** Values by how often they were acknowledged: once, or something is wrong. */
  readonly acknowledged = new Set<string>()
  readonly failures: string[] = []
  private readonly next = new Map<string, number>()

  /** The next value of a producer for a partition. */
  draw(producer: string, partition: number): string {
    const key = `${producer}:${partition}`
    const number = this.next.get(key) ?? 0
    this.next.set(key, number + 1)
    return `${key}:${number}`
  }

  /** What the log says against the promises: each acknowledged once, none twice, all in order. */
  faultsOf(log: readonly StoredValue[]): string[] {
    const faults = this.failures.map((failure) => `a send failed: ${failure}`)
    const last = new Map<string, number>()
    const seen = new Set<string>()
    for (const { partition, value } of log) {
      const [producer, home, number] = value.split(':')
      if (Number(home) !== partition) faults.push(`${value} is in partition ${partition}`)
      if (seen.has(value)) faults.push(`${value} is there twice`)
      seen.add(value)
      const key = `${producer}:${home}`
      const before = last.get(key) ?? -1
      if (Number(number) <= before) faults.push(`${value} stands behind number ${before}`)
      last.set(key, Math.max(before, Number(number)))
    }
    for (const value of this.acknowledged) {
      if (!seen.has(value)) faults.push(`${value} was acknowledged and is lost`)
    }
    return faults
  }

  /** What a group has not been given of what was acknowledged. */
  missedBy(seen: ReadonlySet<string>): string[] {
    return [...this.acknowledged].filter((value) => !seen.has(value))
  }
}

/** The differences of a copy from its source, partition by partition. */
export function faultsOfCopy(
  source: readonly StoredValue[],
  copy: readonly StoredValue[],
  who: string,
): string[] {
  const faults: string[] = []
  const partitions = new Set([...source, ...copy].map(({ partition }) => partition))
  for (const partition of partitions) {
    const of = (values: readonly StoredValue[]) =>
      values.filter((item) => item.partition === partition).map(({ value }) => value)
    const [wanted, found] = [of(source), of(copy)]
    const at = wanted.findIndex((value, i) => value !== found[i])
    if (at < 0 && found.length === wanted.length) continue
    const i = at < 0 ? wanted.length : at
    faults.push(
      `${who}, partition ${partition}, place ${i}: ${found[i]} instead of ${wanted[i]} ` +
        `(${found.length} records, ${wanted.length} in the source)`,
    )
  }
  return faults
}

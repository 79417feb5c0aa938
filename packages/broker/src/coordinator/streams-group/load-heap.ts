/**
 * A binary heap that gives what has the least load first. Where loads are equal the order follows
 * from the order of the insertions in the same way as with Java's PriorityQueue, so that a broker
 * of ours and Apache Kafka hand out the same tasks.
 */
export class LoadHeap<T> {
  private readonly items: T[] = []
  private readonly load: (item: T) => number

  constructor(items: Iterable<T>, load: (item: T) => number) {
    this.load = load
    for (const item of items) this.push(item)
  }

  get size(): number {
    return this.items.length
  }

  push(item: T): void {
    const { items } = this
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.load(item) >= this.load(items[parent] as T)) break
      items[at] = items[parent] as T
      at = parent
    }
    items[at] = item
  }

  pop(): T | undefined {
    const { items } = this
    const first = items[0]
    const last = items.pop()
    if (items.length > 0) this.sink(last as T)
    return first
  }

  private sink(item: T): void {
    const { items } = this
    let at = 0
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      const right = child + 1
      const isRightLess =
        right < items.length && this.load(items[child] as T) > this.load(items[right] as T)
      if (isRightLess) child = right
      if (this.load(item) <= this.load(items[child] as T)) break
      items[at] = items[child] as T
      at = child
    }
    items[at] = item
  }
}

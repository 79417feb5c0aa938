/** A map that forgets the entry that was set first when it has become too large. */
export class BoundedCache<K, V> {
  private readonly entries = new Map<K, V>()
  private readonly sizeMax: number

  constructor(sizeMax: number) {
    this.sizeMax = sizeMax
  }

  get(key: K): V | undefined {
    return this.entries.get(key)
  }

  set(key: K, value: V): void {
    this.entries.set(key, value)
    if (this.entries.size <= this.sizeMax) return
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest)
      return
    }
  }

  delete(key: K): void {
    this.entries.delete(key)
  }
}

/**
 * Answers that are asked for once, however many want them at a time. One that failed is forgotten,
 * so that the next call asks again.
 */
export class SharedAnswers<K, V> {
  private readonly answers: BoundedCache<K, Promise<V>>

  constructor(sizeMax: number) {
    this.answers = new BoundedCache(sizeMax)
  }

  get(key: K, ask: () => Promise<V>): Promise<V> {
    const known = this.answers.get(key)
    if (known) return known
    const answer = ask()
    this.answers.set(key, answer)
    answer.catch(() => {
      // Whoever asked has the error.
      if (this.answers.get(key) === answer) this.answers.delete(key)
    })
    return answer
  }
}

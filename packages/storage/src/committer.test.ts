import { silentLogger } from '@ottla/base'
import { expect, it } from 'vitest'
import { type CommitMember, Committer } from './committer.ts'

/** A log that only counts the rounds it took part in. */
class CountingMember implements CommitMember {
  rounds = 0
  onEnd: () => void = () => {}

  takeRound(): number {
    return 1
  }

  async writeRound(): Promise<void> {}

  endRound(): void {
    this.rounds++
    this.onEnd()
  }

  async refuseRound(): Promise<void> {}

  fence(): void {}
}

it('serves a member that comes at any moment around the end of a round', async () => {
  const committer = new Committer({
    logger: silentLogger,
    onFatal: () => {},
    schedule: queueMicrotask,
  })
  // Later and later after the end of the round, one promise job at a time.
  for (let jobs = 0; jobs < 12; jobs++) {
    const first = new CountingMember()
    const second = new CountingMember()
    first.onEnd = () => {
      let step = Promise.resolve()
      for (let i = 0; i < jobs; i++) step = step.then(() => {})
      void step.then(() => committer.markDirty(second))
    }
    committer.markDirty(first)
    await new Promise((resolve) => setImmediate(resolve))
    expect([jobs, first.rounds, second.rounds]).toEqual([jobs, 1, 1])
  }
})

/** Groups: one owner per key and generation, and offsets that were committed stay committed. */
import type { Anomaly } from './anomaly.ts'
import type { Commit, Operation } from './history.ts'
import type { HistoryIndex } from './history-index.ts'

export function* owners({ operations }: HistoryIndex): Generator<Anomaly> {
  const ownerOf = new Map<string, string>()
  for (const { what, outcome, membership, keys } of operations) {
    if (what !== 'subscribe' || outcome !== 'ok' || !membership) continue
    const { group, generation, member } = membership
    for (const key of keys) {
      const place = `${group} generation ${generation} key ${key}`
      const owner = ownerOf.get(place)
      if (owner !== undefined && owner !== member) {
        yield { name: 'double-owner', text: `${place}: ${owner} and ${member}` }
      }
      ownerOf.set(place, member)
    }
  }
}

/** A member commits only what nobody else has been given since. */
export function* staleCommits({ operations }: HistoryIndex): Generator<Anomaly> {
  const joins = operations.filter(({ what, outcome }) => what === 'subscribe' && outcome === 'ok')
  for (const commit of operations) {
    const { what, outcome, membership, startedAt } = commit
    if (what !== 'commit' || outcome !== 'ok' || !membership) continue
    const { group, member, generation, protocol } = membership
    const earlier = joins.filter(
      (join) => join.membership?.group === group && join.endedAt < startedAt,
    )
    const successor =
      protocol === 'classic' ? newer(earlier, generation) : heir(earlier, member, commit.commits)
    if (!successor?.membership) continue
    const { member: other, generation: next } = successor.membership
    const text = `${group} takes ${generation} of ${member} after ${next} of ${other}`
    yield { name: 'stale-commit', text }
  }
}

/** A later generation, which all members of a classic group enter together. */
const newer = (joins: readonly Operation[], generation: number): Operation | undefined =>
  joins.find(({ membership }) => (membership?.generation ?? 0) > generation)

/** Another member that was given one of the keys after this one had it. */
function heir(
  joins: readonly Operation[],
  member: string,
  commits: readonly Commit[],
): Operation | undefined {
  for (const { key } of commits) {
    const last = joins.findLast(({ keys }) => keys.includes(key))
    if (last?.membership && last.membership.member !== member) return last
  }
  return undefined
}

/** Members go on from what was committed, so the offset of a key never goes back. */
export function* commits({ operations }: HistoryIndex): Generator<Anomaly> {
  const writes = new Map<string, { operation: Operation; offset: number }[]>()
  const nameOf = ({ group, key }: Commit) => `${group} key ${key}`
  for (const operation of operations) {
    if (operation.what === 'fetch-offsets') continue
    for (const commit of operation.commits) {
      const list = writes.get(nameOf(commit)) ?? []
      writes.set(nameOf(commit), list)
      list.push({ operation, offset: commit.offset })
    }
  }
  for (const { what, outcome, commits: seen, startedAt, process } of operations) {
    if (what !== 'fetch-offsets' || outcome !== 'ok') continue
    for (const commit of seen) {
      const list = writes.get(nameOf(commit)) ?? []
      const text = `${process} finds ${commit.offset} for ${nameOf(commit)}`
      const earlier = list.filter(
        ({ operation }) => operation.outcome === 'ok' && operation.endedAt < startedAt,
      )
      const committed = Math.max(-1, ...earlier.map(({ offset }) => offset))
      if (commit.offset < committed) {
        yield { name: 'lost-commit', text: `${text}, but ${committed} was committed` }
      }
      const same = list.filter(({ offset }) => offset === commit.offset)
      if (commit.offset >= 0 && !same.some(({ operation }) => operation.outcome !== 'fail')) {
        yield { name: 'aborted-commit', text: `${text}, which nobody committed` }
      }
    }
  }
}

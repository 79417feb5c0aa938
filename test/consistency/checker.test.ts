/** Hand-made histories: every anomaly is caught by its name, and what is allowed passes. */
import { describe, expect, it } from 'vitest'
import { ANOMALIES, type AnomalyName } from './anomaly.ts'
import { check, namesOf } from './checker.ts'
import {
  History,
  type Membership,
  type Operation,
  type Outcome,
  type Poll,
  type What,
} from './history.ts'
import { recordKeyOf } from './topic.ts'

/** Values that lie at the offsets 0, 1, 2, ...; a number that is no value is a gap. */
type Row = readonly (readonly [offset: number, value: number])[]

class Story {
  private time = 0
  private readonly history = new History(() => this.time++)

  add(process: string, what: What, known: Partial<Operation>, outcome: Outcome = 'ok'): Operation {
    const operation = this.history.begin(process, what, known)
    if (outcome !== 'info') this.history.end(operation, outcome)
    return operation
  }

  sends(process: string, row: Row, outcome: Outcome = 'ok', key = 0): Operation {
    const sends = row.map(([offset, value]) => ({ key, value, ...(offset >= 0 && { offset }) }))
    return this.add(process, 'send', { sends }, outcome)
  }

  /** Offsets of a transaction's records are known from reads only. */
  txn(process: string, values: readonly number[], outcome: Outcome, polls: Poll[] = []): Operation {
    const sends = values.map((value) => ({ key: 0, value }))
    const commitAskedAt = outcome === 'fail' ? {} : { commitAskedAt: this.time }
    return this.add(process, 'txn', { sends, polls, ...commitAskedAt }, outcome)
  }

  polls(process: string, row: Row, changes: Partial<Poll> = {}, what: What = 'poll'): Operation {
    return this.add(process, what, { polls: [poll(row, changes)] })
  }

  /** Both scans at the end; committed records only where not all are. */
  scan(row: Row, committed: Row = row, changes: Partial<Poll> = {}): void {
    const all = poll(row, { from: 0, ...changes })
    const spans = row.map(([offset]) => ({ from: offset, to: offset, leaderEpoch: 0 }))
    this.add('scan', 'scan', { polls: [{ spans, ...all }] })
    const { next } = all
    this.add('scan', 'scan', {
      polls: [poll(committed, { from: 0, next, isCommittedOnly: true, ...changes })],
    })
  }

  get anomalies(): AnomalyName[] {
    return namesOf(check(this.history.operations))
  }

  get report() {
    return check(this.history.operations)
  }
}

function poll(row: Row, changes: Partial<Poll> = {}): Poll {
  const next = changes.next ?? (row.at(-1)?.[0] ?? -1) + 1
  return {
    key: 0,
    isCommittedOnly: false,
    from: row[0]?.[0] ?? next,
    next,
    records: row.map(([offset, value]) => ({ offset, value, isIntact: true })),
    highWatermark: 100,
    lastStableOffset: 100,
    logStartOffset: 0,
    ...changes,
  }
}

const told = (tell: (story: Story) => void): AnomalyName[] => {
  const story = new Story()
  tell(story)
  return story.anomalies
}

const member = (
  name: string,
  generation: number,
  protocol: Membership['protocol'] = 'classic',
): Membership => ({ group: 'g', member: name, generation, protocol })
const committed = (offset: number) => ({ commits: [{ group: 'g', key: 0, offset }] })
const ENDS = { highWatermark: 2, lastStableOffset: 2 }

/** One story for each anomaly; the names it may show beside its own stand behind it. */
const BAD: Record<AnomalyName, [(story: Story) => void, ...AnomalyName[]]> = {
  'inconsistent-offsets': [
    (s) => {
      s.sends('p', [[0, 1]])
      s.sends('q', [[0, 2]])
    },
  ],
  phantom: [(s) => s.polls('c', [[0, 7]])],
  corrupt: [
    (s) => {
      s.sends('p', [[0, 1]])
      s.polls('c', [], { from: 0, next: 1, records: [{ offset: 0, value: 1, isIntact: false }] })
    },
  ],
  'aborted-read': [
    (s) => {
      s.txn('t', [1], 'fail')
      s.polls('c', [[0, 1]], { isCommittedOnly: true })
    },
  ],
  'dirty-read': [
    (s) => {
      const txn = s.add('t', 'txn', { sends: [{ key: 0, value: 1 }] }, 'info')
      s.polls('c', [[0, 1]], { isCommittedOnly: true })
      txn.commitAskedAt = 50
    },
  ],
  'precommitted-read': [(s) => s.txn('t', [1], 'ok', [poll([[0, 1]], { isCommittedOnly: true })])],
  'lost-write': [
    (s) => {
      s.sends('p', [[0, 1]])
      s.sends('p', [[1, 2]])
      s.polls('c', [[1, 2]])
    },
  ],
  unseen: [
    (s) => {
      s.sends('p', [[0, 1]])
      s.sends('p', [[1, 2]])
      s.scan([[0, 1]], [[0, 1]], { highWatermark: 1, lastStableOffset: 1 })
    },
    'watermark-regress',
  ],
  duplicate: [
    (s) => {
      s.sends('p', [[0, 1]])
      s.polls('c', [
        [0, 1],
        [1, 1],
      ])
    },
  ],
  'offset-gap': [
    (s) => {
      s.sends('p', [[0, 1]])
      s.sends('p', [[2, 2]])
      const row: Row = [
        [0, 1],
        [2, 2],
      ]
      s.scan(row, row, { highWatermark: 3, lastStableOffset: 3 })
    },
  ],
  'leader-epoch-regress': [
    (s) => {
      s.sends('p', [
        [0, 1],
        [1, 2],
      ])
      const spans = [
        { from: 0, to: 0, leaderEpoch: 1 },
        { from: 1, to: 1, leaderEpoch: 0 },
      ]
      const row: Row = [
        [0, 1],
        [1, 2],
      ]
      s.scan(row, row, { ...ENDS, spans })
    },
  ],
  'poll-skip': [
    (s) => {
      s.sends('p', [
        [0, 1],
        [1, 2],
        [2, 3],
      ])
      s.add('c', 'assign', { keys: [0] })
      s.polls('c', [[0, 1]])
      s.polls('c', [[2, 3]])
      s.polls('d', [[1, 2]])
    },
  ],
  'nonmonotonic-poll': [
    (s) => {
      s.sends('p', [[0, 1]])
      s.polls('c', [[0, 1]])
      s.polls('c', [[0, 1]])
    },
  ],
  'int-nonmonotonic-poll': [
    (s) => {
      s.sends('p', [
        [0, 1],
        [1, 2],
      ])
      const records = [
        { offset: 1, value: 2, isIntact: true },
        { offset: 0, value: 1, isIntact: true },
      ]
      s.polls('c', [], { from: 0, next: 2, records })
    },
  ],
  'nonmonotonic-send': [
    (s) => {
      s.sends('p', [[1, 1]])
      s.sends('p', [[0, 2]])
    },
  ],
  'int-nonmonotonic-send': [
    (s) =>
      s.sends('p', [
        [1, 1],
        [0, 2],
      ]),
  ],
  G1c: [
    (s) => {
      const one = poll([[1, 2]], { isCommittedOnly: true })
      const two = poll([[0, 1]], { isCommittedOnly: true })
      const first = s.txn('t', [1], 'info', [one])
      const second = s.txn('u', [2], 'info', [two])
      for (const txn of [first, second]) Object.assign(txn, { outcome: 'ok', endedAt: 90 })
    },
  ],
  'read-past-high-watermark': [
    (s) => {
      s.sends('p', [[0, 1]], 'info')
      s.polls('c', [[0, 1]], { highWatermark: 0, lastStableOffset: 0 })
    },
  ],
  'watermark-order': [(s) => s.polls('c', [], { highWatermark: 3, lastStableOffset: 4 })],
  'watermark-regress': [
    (s) => {
      s.polls('c', [], { highWatermark: 4, lastStableOffset: 4 })
      s.polls('d', [], { highWatermark: 4, lastStableOffset: 3 })
    },
  ],
  'log-start-ahead': [
    (s) => {
      s.add('a', 'delete', { keys: [0], before: 1 })
      s.scan([], [], { from: 2, next: 2, logStartOffset: 2, ...ENDS })
    },
  ],
  'hanging-transaction': [
    (s) => {
      s.txn('t', [1], 'info')
      s.scan([[0, 1]], [], { highWatermark: 1, lastStableOffset: 0 })
    },
  ],
  'double-owner': [
    (s) => {
      s.add('a', 'subscribe', { keys: [0, 1], membership: member('a', 1) })
      s.add('b', 'subscribe', { keys: [1], membership: member('b', 1) })
    },
  ],
  'stale-commit': [
    (s) => {
      s.add('a', 'subscribe', { keys: [0], membership: member('a', 1) })
      s.add('b', 'subscribe', { keys: [0], membership: member('b', 2) })
      s.add('a', 'commit', { membership: member('a', 1), ...committed(5) })
    },
  ],
  'lost-commit': [
    (s) => {
      s.add('a', 'commit', { membership: member('a', 1), ...committed(5) })
      s.add('a', 'commit', { membership: member('a', 1), ...committed(9) })
      s.add('b', 'fetch-offsets', committed(5))
    },
  ],
  'aborted-commit': [
    (s) => {
      s.add('t', 'txn', committed(5), 'fail')
      s.add('b', 'fetch-offsets', committed(5))
    },
  ],
}

describe('bad histories', () => {
  for (const name of ANOMALIES) {
    it(`shows ${name}`, () => {
      const [tell, ...besides] = BAD[name]
      expect(told(tell).sort()).toEqual([name, ...besides].sort())
    })
  }

  it('tells a record that was read and is gone from one that nobody ever saw', () => {
    const story = new Story()
    story.sends('p', [[0, 1]])
    story.polls('c', [[0, 1]])
    story.scan([], [], { from: 0, next: 0, highWatermark: 0, lastStableOffset: 0 })
    const lost = story.report.anomalies.find(({ name }) => name === 'lost-write')
    expect(lost?.text).toContain('which was read before')
  })

  it('sees half a transaction', () => {
    const anomalies = told((s) => {
      s.txn('t', [1, 2], 'info')
      s.scan([[0, 1]], [[0, 1]], { highWatermark: 1, lastStableOffset: 1 })
    })
    expect(anomalies).toEqual(['unseen'])
  })

  it('sees a commit of a key that another member of a consumer group has', () => {
    const anomalies = told((s) => {
      s.add('a', 'subscribe', { keys: [0, 1], membership: member('a', 1, 'consumer') })
      s.add('b', 'subscribe', { keys: [0], membership: member('b', 2, 'consumer') })
      s.add('a', 'commit', { membership: member('a', 1, 'consumer'), ...committed(5) })
    })
    expect(anomalies).toEqual(['stale-commit'])
  })

  it('refuses a workload that sends one value twice', () => {
    expect(() => told((s) => [s.sends('p', [[0, 1]]), s.sends('q', [[5, 1]])])).toThrow('twice')
  })
})

describe('a compacted partition', () => {
  const KEY = 4
  /** Values 1 and 6 have the same record key. */
  const spans = [
    { from: 0, to: 0, leaderEpoch: 0 },
    { from: 1, to: 1, leaderEpoch: 0 },
  ]
  const ends = { key: KEY, from: 0, next: 2, spans, ...ENDS }
  const both: Row = [
    [0, 1],
    [1, 6],
  ]

  it('has the records of this test under one key', () => {
    expect(recordKeyOf(KEY, 1)).toBe(recordKeyOf(KEY, 6))
    expect(recordKeyOf(KEY, 1)).not.toBe(recordKeyOf(KEY, 2))
  })

  it('may lose a record that has a newer one', () => {
    const story = new Story()
    story.sends('p', both, 'ok', KEY)
    story.scan([[1, 6]], [[1, 6]], ends)
    expect(story.anomalies).toEqual([])
    expect(story.report.compactedAway).toBe(1)
  })

  it('may lose one to a record of which no answer came', () => {
    const anomalies = told((s) => {
      s.sends('p', [[0, 1]], 'ok', KEY)
      s.sends('q', [[-1, 6]], 'info', KEY)
      s.scan([[1, 6]], [[1, 6]], ends)
    })
    expect(anomalies).toEqual([])
  })

  it('may have gaps between its batches', () => {
    const anomalies = told((s) => {
      s.sends('p', both, 'ok', KEY)
      s.scan([[1, 6]], [[1, 6]], { ...ends, spans: spans.slice(1) })
    })
    expect(anomalies).toEqual([])
  })

  it('must keep the newest', () => {
    const anomalies = told((s) => {
      s.sends('p', both, 'ok', KEY)
      s.scan([[0, 1]], [[0, 1]], ends)
    })
    expect(anomalies.sort()).toEqual(['lost-write', 'poll-skip'])
  })

  it('must keep a record whose only successor has another key', () => {
    const anomalies = told((s) => {
      s.sends('p', [[0, 1]], 'ok', KEY)
      s.sends('p', [[1, 2]], 'ok', KEY)
      s.scan([[1, 2]], [[1, 2]], ends)
    })
    expect(anomalies.sort()).toEqual(['lost-write', 'poll-skip'])
  })

  it('must not lose a record to one that was aborted', () => {
    const anomalies = told((s) => {
      s.sends('p', [[0, 1]], 'ok', KEY)
      s.add('t', 'txn', { sends: [{ key: KEY, value: 6, offset: 1 }] }, 'fail')
      s.scan([[1, 6]], [], ends)
    })
    expect(anomalies.sort()).toEqual(['lost-write', 'poll-skip'])
  })

  it('may lose what was aborted', () => {
    const anomalies = told((s) => {
      s.sends('p', [[0, 1]], 'ok', KEY)
      s.add('t', 'txn', { sends: [{ key: KEY, value: 6, offset: 1 }] }, 'fail')
      s.scan([[0, 1]], [[0, 1]], ends)
    })
    expect(anomalies).toEqual([])
  })
})

describe('histories that Kafka allows', () => {
  it('passes a busy one', () => {
    const anomalies = told((s) => {
      s.add('c', 'assign', { keys: [0] })
      s.sends('p', [
        [0, 1],
        [1, 2],
      ])
      s.polls('c', [[0, 1]], ENDS)
      s.txn('t', [3], 'ok', [poll([[0, 1]], { isCommittedOnly: true, ...ENDS })])
      s.txn('u', [4], 'fail')
      const rest: Row = [
        [1, 2],
        [2, 3],
      ]
      s.polls('c', rest, { highWatermark: 3, lastStableOffset: 3 })
      const everything: Row = [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
      ]
      s.scan(everything, everything.slice(0, 3), { highWatermark: 4, lastStableOffset: 4 })
    })
    expect(anomalies).toEqual([])
  })

  it.each<[string, (story: Story) => void]>([
    ['a send without an answer that is nowhere', (s) => s.sends('p', [[-1, 1]], 'info')],
    [
      'aborted records before somebody who reads uncommitted',
      (s) => {
        s.txn('t', [1], 'fail')
        s.polls('c', [[0, 1]])
      },
    ],
    [
      'aborted records left out for somebody who reads committed',
      (s) => {
        s.txn('t', [1], 'fail')
        s.polls('d', [[0, 1]])
        s.polls('c', [], { from: 0, next: 2, isCommittedOnly: true })
      },
    ],
    [
      'a jump when keys are assigned anew',
      (s) => {
        s.sends('p', [
          [0, 1],
          [1, 2],
        ])
        s.polls('d', [[1, 2]])
        s.add('d', 'subscribe', { keys: [0] })
        s.polls('d', [[0, 1]])
      },
    ],
    [
      'records gone that were deleted',
      (s) => {
        s.sends('p', [
          [0, 1],
          [1, 2],
        ])
        s.add('a', 'delete', { keys: [0], before: 1 }, 'info')
        s.scan([[1, 2]], [[1, 2]], { ...ENDS, from: 1, logStartOffset: 1 })
      },
    ],
    [
      'a member of a consumer group that is an epoch behind and keeps its key',
      (s) => {
        s.add('a', 'subscribe', { keys: [0], membership: member('a', 1, 'consumer') })
        s.add('b', 'subscribe', { keys: [1], membership: member('b', 2, 'consumer') })
        s.add('a', 'commit', { membership: member('a', 1, 'consumer'), ...committed(5) })
      },
    ],
    [
      'a commit that was under way when the next generation came',
      (s) => {
        const commit = s.add('a', 'commit', { membership: member('a', 1), ...committed(5) }, 'info')
        s.add('b', 'subscribe', { keys: [0], membership: member('b', 2) })
        Object.assign(commit, { outcome: 'ok', endedAt: 90 })
      },
    ],
  ])('passes %s', (_, tell) => {
    expect(told(tell)).toEqual([])
  })

  it('counts knots in the order of writes, which are no anomaly', () => {
    const story = new Story()
    const first = story.txn('t', [1, 4], 'info')
    const second = story.txn('u', [2, 3], 'info')
    for (const txn of [first, second]) Object.assign(txn, { outcome: 'ok', endedAt: 90 })
    story.polls('c', [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
    ])
    expect(story.anomalies).toEqual([])
    expect(story.report.writeCycles).toBe(1)
  })
})

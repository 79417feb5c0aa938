import { describe, expect, it } from 'vitest'
import { archiveAborted } from './aborted-records.ts'
import { AckType, acknowledge, batchesFault } from './acknowledge.ts'
import { type AcquiredRange, acquire } from './acquire.ts'
import { RecordState } from './in-flight-batch.ts'
import { SharePartition, type Transition } from './share-partition.ts'
import { combineBatches } from './state-batches.ts'

const LIMITS = { deliveryCountMax: 5, inFlightMax: 100 }

class Scene {
  partition = new SharePartition({ startOffset: 0, batches: [] })
  deliveryCountMax = LIMITS.deliveryCountMax
  inFlightMax = LIMITS.inFlightMax
  nowMs = 0
  readonly batchSize: number

  /** Record batches of the log have so many records each. */
  constructor(batchSize = 10) {
    this.batchSize = batchSize
  }

  fetch(
    memberId: string,
    upTo: number,
    more: { maxRecords?: number; isRecordLimit?: boolean } = {},
  ) {
    const { partition, batchSize } = this
    const fetchOffset = partition.nextFetchOffset
    const batches = []
    for (let base = fetchOffset - (fetchOffset % batchSize); base < upTo; base += batchSize) {
      batches.push({ baseOffset: base, lastOffset: base + batchSize - 1 })
    }
    return acquire(partition, {
      memberId,
      batches,
      fetchOffset,
      maxRecords: more.maxRecords ?? 1000,
      batchSize: 1000,
      isRecordLimit: more.isRecordLimit ?? false,
      lockDeadlineMs: this.nowMs + 1000,
      deliveryCountMax: this.deliveryCountMax,
      inFlightMax: this.inFlightMax,
    }).map(text)
  }

  acknowledge(memberId: string, first: number, last: number, ...types: number[]) {
    const batch = { firstOffset: first, lastOffset: last, acknowledgeTypes: types }
    return acknowledge(this.partition, [batch], {
      memberId,
      deliveryCountMax: this.deliveryCountMax,
      renewedDeadlineMs: this.nowMs + 1000,
    })
  }

  /** Acknowledges, and the disk is quick. */
  settle(memberId: string, first: number, last: number, ...types: number[]) {
    const transition = this.acknowledge(memberId, first, last, ...types)
    if (typeof transition === 'string') return transition
    transition.commit()
    return transition.batches.map(
      ({ firstOffset, lastOffset, deliveryState }) =>
        `${firstOffset}-${lastOffset}:${deliveryState}`,
    )
  }
}

const text = ({ firstOffset, lastOffset, deliveryCount }: AcquiredRange) =>
  `${firstOffset}-${lastOffset}x${deliveryCount}`

describe('acquiring', () => {
  it('gives whole record batches, and strictly counted records when asked', () => {
    const scene = new Scene()
    expect(scene.fetch('a', 40, { maxRecords: 15 })).toEqual(['0-19x1'])
    expect(scene.fetch('a', 40, { maxRecords: 5, isRecordLimit: true })).toEqual(['20-24x1'])
    expect(scene.fetch('b', 40)).toEqual(['25-29x1', '30-39x1'])
  })

  it('keeps to the records that may be in flight', () => {
    const scene = new Scene()
    scene.inFlightMax = 10
    expect(scene.fetch('a', 30)).toEqual(['0-9x1'])
    expect(scene.fetch('a', 30)).toEqual([])
    scene.settle('a', 3, 4, AckType.RELEASE)
    expect(scene.fetch('b', 30)).toEqual(['3-4x2'])
    scene.settle('a', 0, 2, AckType.ACCEPT)
    expect(scene.fetch('b', 30, { maxRecords: 3 })).toEqual(['10-19x1'])
  })

  it('gives records that failed often in ever smaller portions', () => {
    const scene = new Scene()
    for (const expected of ['0-9x1', '0-9x2', '0-9x3', '0-4x4', '0-0x5', '1-1x5']) {
      const [range] = scene.fetch('a', 10)
      expect(range).toBe(expected)
      const [first, last] = (range as string).split(/[-x]/).map(Number) as [number, number]
      scene.settle('a', first, last, AckType.RELEASE)
    }
    expect(scene.partition.startOffset).toBe(2)
  })
})

describe('acknowledging', () => {
  it('moves the window over what is final, and only when that is durable', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    const transition = scene.acknowledge('a', 0, 4, AckType.ACCEPT) as Transition
    expect(scene.partition.startOffset).toBe(0)
    expect(scene.partition.deliveryCompleteCount).toBe(5)
    transition.commit()
    expect(scene.partition.startOffset).toBe(5)
    expect(scene.settle('a', 7, 9, 1, 0, 3)).toEqual(['7-7:2', '8-9:4'])
    expect(scene.settle('a', 5, 6, AckType.REJECT)).toEqual(['5-6:4'])
    expect(scene.partition.startOffset).toBe(10)
  })

  it('takes everything back when it cannot be written down', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    const transition = scene.acknowledge('a', 0, 9, AckType.RELEASE) as Transition
    expect(scene.fetch('b', 10)).toEqual([])
    transition.rollBack()
    expect(scene.fetch('b', 10)).toEqual([])
    expect(scene.settle('a', 0, 9, AckType.ACCEPT)).toEqual(['0-9:2'])
  })

  it('is for who holds the record, and counts all or none', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    expect(scene.settle('b', 0, 9, AckType.ACCEPT)).toBe('INVALID_RECORD_STATE')
    expect(scene.settle('a', 5, 10, AckType.ACCEPT)).toBe('INVALID_REQUEST')
    scene.settle('a', 5, 5, AckType.ACCEPT)
    expect(scene.settle('a', 4, 6, AckType.ACCEPT)).toBe('INVALID_RECORD_STATE')
    expect(scene.settle('a', 4, 4, AckType.ACCEPT)).toEqual(['4-4:2'])
    scene.settle('a', 0, 3, AckType.ACCEPT)
    expect(scene.settle('a', 0, 3, AckType.RELEASE)).toEqual([])
  })

  it('refuses what cannot be meant so', () => {
    const fault = (firstOffset: number, lastOffset: number, acknowledgeTypes: number[]) =>
      batchesFault([{ firstOffset, lastOffset, acknowledgeTypes }], { isRenewAck: false })
    expect(fault(0, 2, [1])).toBeUndefined()
    expect(fault(0, 2, [1, 2, 3])).toBeUndefined()
    for (const [first, last, types] of [
      [0, 2, []],
      [0, 2, [1, 2]],
      [2, 1, [1]],
      [0, 2, [9]],
      [0, 2, [AckType.RENEW]],
    ] as const) {
      expect(fault(first, last, [...types])).toBe('INVALID_REQUEST')
    }
  })
})

describe('locks', () => {
  it('expire into another delivery, and after the last into the archive', () => {
    const scene = new Scene()
    scene.deliveryCountMax = 2
    scene.fetch('a', 10)
    expect(scene.partition.nextDeadlineMs()).toBe(1000)
    expect(scene.partition.expireLocks(999, 2)).toEqual([])
    expect(scene.partition.expireLocks(1000, 2)).toMatchObject([{ deliveryState: 0 }])
    expect(scene.fetch('b', 10)).toEqual(['0-9x2'])
    expect(scene.settle('a', 0, 9, AckType.ACCEPT)).toBe('INVALID_RECORD_STATE')
    expect(scene.partition.expireLocks(2000, 2)).toMatchObject([{ deliveryState: 4 }])
    scene.partition.advance()
    expect(scene.partition.startOffset).toBe(10)
  })

  it('hold longer when they are renewed', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    scene.nowMs = 800
    expect(scene.settle('a', 0, 4, AckType.RENEW)).toEqual([])
    const expired = scene.partition.expireLocks(1000, 5)
    expect(expired).toMatchObject([{ firstOffset: 5, lastOffset: 9 }])
    expect(scene.partition.nextDeadlineMs()).toBe(1800)
  })

  it('end with their member', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    scene.fetch('b', 20)
    const transition = scene.partition.release('a', 5)
    expect(transition.batches).toMatchObject([{ firstOffset: 0, lastOffset: 9 }])
    transition.commit()
    expect(scene.fetch('c', 20)).toEqual(['0-9x2'])
  })
})

describe('the window', () => {
  it('begins where it stopped, with what lies in between', () => {
    const partition = new SharePartition({
      startOffset: 5,
      batches: [
        { firstOffset: 5, lastOffset: 6, deliveryState: 2, deliveryCount: 1 },
        { firstOffset: 10, lastOffset: 12, deliveryState: 0, deliveryCount: 3 },
        { firstOffset: 13, lastOffset: 14, deliveryState: 4, deliveryCount: 5 },
      ],
    })
    expect([partition.startOffset, partition.endOffset]).toEqual([7, 15])
    const scene = new Scene(5)
    scene.partition = partition
    expect(scene.fetch('a', 20, { maxRecords: 2 })).toEqual(['7-9x1'])
    expect(scene.fetch('a', 20)).toEqual(['10-10x4'])
  })

  it('moves with the start of the log', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    scene.partition.moveStart(4)
    expect(scene.settle('a', 0, 9, AckType.ACCEPT)).toEqual(['4-9:2'])
    scene.partition.moveStart(30)
    expect(scene.fetch('a', 40)).toEqual(['30-39x1'])
  })

  it('passes over offsets without a record', () => {
    const scene = new Scene()
    scene.fetch('a', 10)
    scene.settle('a', 0, 9, AckType.RELEASE)
    scene.partition.archiveMissing(0, 4)
    expect(scene.fetch('a', 10)).toEqual(['5-9x2'])
    scene.settle('a', 5, 9, AckType.ACCEPT)
    expect(scene.partition.startOffset).toBe(10)
  })

  it('never shows records of aborted transactions', () => {
    const scene = new Scene()
    const batch = { isTransactional: true, isControl: false, producerId: 7 }
    const batches = [
      { ...batch, baseOffset: 0, lastOffset: 4 },
      { ...batch, baseOffset: 5, lastOffset: 7, producerId: 8 },
    ]
    scene.fetch('a', 10)
    const acquired = [{ firstOffset: 0, lastOffset: 9, deliveryCount: 1 }]
    const aborted = { producerId: 8, firstOffset: 5, lastOffset: 8, lastStableOffset: 9 }
    const kept = archiveAborted(scene.partition, acquired, batches, [aborted])
    expect(kept.acquired.map(text)).toEqual(['0-4x1', '8-9x1'])
    expect(kept.archived).toMatchObject([
      { firstOffset: 5, lastOffset: 7, deliveryState: RecordState.ARCHIVED },
    ])
  })
})

describe('state batches', () => {
  it('combine the newer over the older', () => {
    const batch = (firstOffset: number, lastOffset: number, deliveryState = 0) => ({
      firstOffset,
      lastOffset,
      deliveryState,
      deliveryCount: 1,
    })
    expect(combineBatches([batch(0, 9)], [batch(3, 4, 2)], 1)).toEqual([
      batch(1, 2),
      batch(3, 4, 2),
      batch(5, 9),
    ])
    expect(combineBatches([batch(0, 4)], [batch(5, 9)], 0)).toEqual([batch(0, 9)])
  })
})

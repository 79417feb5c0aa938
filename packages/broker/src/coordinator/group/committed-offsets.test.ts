import { expect, test } from 'vitest'
import { type OffsetRecord, PendingOffsets } from './committed-offsets.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { deleteGroup } from './group-offsets.ts'

const NOW = { wallMs: 1_700_000_000_000, monotonicMs: 0 }
const SETTINGS = {
  sessionTimeoutMsMin: 6000,
  sessionTimeoutMsMax: 1_800_000,
  groupSizeMax: 10,
  initialRebalanceDelayMs: 0,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 604_800_000,
}

const offset = (group: string, partition: number, at = 4): OffsetRecord => ({
  kind: 'offset',
  group,
  topic: 't',
  partition,
  value: { offset: at, leaderEpoch: -1, metadata: '', commitTimestamp: 0, expireTimestamp: -1 },
})

test('pending offsets are given in the order in which they were committed', () => {
  const pending = new PendingOffsets()
  pending.add(1, 0, [offset('g', 0, 4), offset('g', 1)])
  pending.add(1, 0, [offset('g', 0, 7)])
  pending.add(2, 0, [offset('g', 0, 9)])
  expect(pending.take(1, 0)).toEqual([offset('g', 0, 4), offset('g', 1), offset('g', 0, 7)])
  expect(pending.take(1, 0)).toEqual([])
  expect([...pending.all()]).toEqual([offset('g', 0, 9)])
})

test('a deleted offset is deleted from open transactions too', () => {
  const coordinator = new GroupCoordinator(SETTINGS, () => 'id')
  coordinator.pendingOffsets.add(1, 0, [offset('g', 0), offset('g', 1), offset('h', 0)])
  coordinator.pendingOffsets.add(2, 0, [offset('g', 0)])
  coordinator.replay({ ...offset('g', 0), value: null }, NOW)
  expect(coordinator.pendingOffsets.has('g', 't', 0)).toBe(false)
  expect(coordinator.pendingOffsets.take(1, 0)).toEqual([offset('g', 1), offset('h', 0)])
  expect(coordinator.pendingOffsets.take(2, 0)).toEqual([])
})

test('a deleted group leaves nothing for a commit to come', () => {
  const coordinator = new GroupCoordinator(SETTINGS, () => 'id')
  coordinator.replay(offset('g', 0), NOW)
  coordinator.pendingOffsets.add(1, 0, [offset('g', 1), offset('h', 0)])
  expect(deleteGroup(coordinator, 'g', NOW)).toEqual([
    { ...offset('g', 0), value: null },
    { ...offset('g', 1), value: null },
    { kind: 'group', group: 'g', value: null },
  ])
})

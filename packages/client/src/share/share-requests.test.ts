import { expect, test } from 'vitest'
import { HeldRecords } from './held-records.ts'
import { fetchTopics, forgottenTopics } from './share-requests.ts'

const at = (topicId: string, partition: number) => ({ topic: topicId, topicId, partition })
const held = new HeldRecords([], () => {})
const batch = (offset: number) => ({
  firstOffset: offset,
  lastOffset: offset,
  acknowledgeTypes: [1],
})

test('partitions that are new and acknowledgements share the list of topics', () => {
  const taken = [
    { at: at('a', 1), held, batches: [batch(9)] },
    { at: at('b', 0), held, batches: [batch(5)] },
    { at: at('a', 1), held, batches: [batch(3)] },
  ]
  expect(fetchTopics([at('a', 0), at('a', 1)], taken)).toEqual([
    {
      topicId: 'a',
      partitions: [
        { partitionIndex: 0, acknowledgementBatches: [] },
        { partitionIndex: 1, acknowledgementBatches: [batch(3), batch(9)] },
      ],
    },
    { topicId: 'b', partitions: [{ partitionIndex: 0, acknowledgementBatches: [batch(5)] }] },
  ])
})

test('partitions to forget are named by topic', () => {
  expect(forgottenTopics([at('a', 0), at('b', 2), at('a', 3)])).toEqual([
    { topicId: 'a', partitions: [0, 3] },
    { topicId: 'b', partitions: [2] },
  ])
})

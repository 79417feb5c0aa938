import { array, type Infer, int16, int32, int64, message, string, uuid } from '../schema/schema.ts'

/** TxnOffsetCommitRequest (api key 28), versions 0-6, flexible 3+. */
export const TxnOffsetCommitRequest = message({
  name: 'TxnOffsetCommitRequest',
  apiKey: 28,
  versions: '0-6',
  flexible: '3+',
  listeners: ['broker'],
  fields: {
    transactionalId: string('0+'),
    groupId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    generationIdOrMemberEpoch: int32('3+', { default: -1 }),
    memberId: string('3+', { default: '' }),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    topics: array('0+', {
      name: string('0-5'),
      topicId: uuid('6+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64('0+'),
        committedLeaderEpoch: int32('2+', { default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
export interface TxnOffsetCommitRequest extends Infer<typeof TxnOffsetCommitRequest> {}

/** TxnOffsetCommitResponse (api key 28), versions 0-6, flexible 3+. */
export const TxnOffsetCommitResponse = message({
  name: 'TxnOffsetCommitResponse',
  apiKey: 28,
  versions: '0-6',
  flexible: '3+',
  fields: {
    throttleTimeMs: int32('0+'),
    topics: array('0+', {
      name: string('0-5'),
      topicId: uuid('6+'),
      partitions: array('0+', { partitionIndex: int32('0+'), errorCode: int16('0+') }),
    }),
  },
})
export interface TxnOffsetCommitResponse extends Infer<typeof TxnOffsetCommitResponse> {}

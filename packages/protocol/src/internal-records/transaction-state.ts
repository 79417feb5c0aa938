import { array, type Infer, int8, int16, int32, int64, message, string } from '../schema/schema.ts'

/** TransactionLogKey (record type 0), versions 0, not flexible. */
export const TransactionLogKey = message({
  name: 'TransactionLogKey',
  apiKey: 0,
  versions: '0',
  flexible: 'none',
  fields: { transactionalId: string('0') },
})
export interface TransactionLogKey extends Infer<typeof TransactionLogKey> {}

/** TransactionLogValue (record type 0), versions 0-1, flexible 1+. */
export const TransactionLogValue = message({
  name: 'TransactionLogValue',
  apiKey: 0,
  versions: '0-1',
  flexible: '1+',
  fields: {
    producerId: int64('0+'),
    previousProducerId: int64('1+', { tag: 0, default: -1 }),
    nextProducerId: int64('1+', { tag: 1, default: -1 }),
    producerEpoch: int16('0+'),
    nextProducerEpoch: int16('1+', { tag: 3, default: -1 }),
    transactionTimeoutMs: int32('0+'),
    transactionStatus: int8('0+'),
    transactionPartitions: array(
      '0+',
      { topic: string('0+'), partitionIds: array('0+', 'int32') },
      { nullable: '0+' },
    ),
    transactionLastUpdateTimestampMs: int64('0+'),
    transactionStartTimestampMs: int64('0+'),
    clientTransactionVersion: int16('1+', { tag: 2, default: 0 }),
  },
})
export interface TransactionLogValue extends Infer<typeof TransactionLogValue> {}

import { array, bytes, type Infer, int32, message, string } from '../schema/schema.ts'

/** ConsumerProtocolAssignment, versions 0-3, not flexible. */
export const ConsumerProtocolAssignment = message({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  flexible: 'none',
  fields: {
    assignedPartitions: array('0+', { topic: string('0+'), partitions: array('0+', 'int32') }),
    userData: bytes('0+', { nullable: '0+', default: null }),
  },
})
export interface ConsumerProtocolAssignment extends Infer<typeof ConsumerProtocolAssignment> {}

/** ConsumerProtocolSubscription, versions 0-3, not flexible. */
export const ConsumerProtocolSubscription = message({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  flexible: 'none',
  fields: {
    topics: array('0+', 'string'),
    userData: bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: array('1+', { topic: string('1+'), partitions: array('1+', 'int32') }),
    generationId: int32('2+', { default: -1 }),
    rackId: string('3+', { nullable: '3+', default: null }),
  },
})
export interface ConsumerProtocolSubscription extends Infer<typeof ConsumerProtocolSubscription> {}

import { array, type Infer, int16, int32, int64, message, uuid } from '../schema/schema.ts'

/** AssignReplicasToDirsRequest (api key 73), versions 0, flexible 0+. */
export const AssignReplicasToDirsRequest = message({
  name: 'AssignReplicasToDirsRequest',
  apiKey: 73,
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    brokerId: int32('0+'),
    brokerEpoch: int64('0+', { default: -1 }),
    directories: array('0+', {
      id: uuid('0+'),
      topics: array('0+', {
        topicId: uuid('0+'),
        partitions: array('0+', { partitionIndex: int32('0+') }),
      }),
    }),
  },
})
export interface AssignReplicasToDirsRequest extends Infer<typeof AssignReplicasToDirsRequest> {}

/** AssignReplicasToDirsResponse (api key 73), versions 0, flexible 0+. */
export const AssignReplicasToDirsResponse = message({
  name: 'AssignReplicasToDirsResponse',
  apiKey: 73,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    directories: array('0+', {
      id: uuid('0+'),
      topics: array('0+', {
        topicId: uuid('0+'),
        partitions: array('0+', { partitionIndex: int32('0+'), errorCode: int16('0+') }),
      }),
    }),
  },
})
export interface AssignReplicasToDirsResponse extends Infer<typeof AssignReplicasToDirsResponse> {}

import { array, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** AlterReplicaLogDirsRequest (api key 34), versions 1-2, flexible 2+. */
export const AlterReplicaLogDirsRequest = message({
  name: 'AlterReplicaLogDirsRequest',
  apiKey: 34,
  versions: '1-2',
  flexible: '2+',
  listeners: ['broker'],
  fields: {
    dirs: array('0+', {
      path: string('0+'),
      topics: array('0+', { name: string('0+'), partitions: array('0+', 'int32') }),
    }),
  },
})
export interface AlterReplicaLogDirsRequest extends Infer<typeof AlterReplicaLogDirsRequest> {}

/** AlterReplicaLogDirsResponse (api key 34), versions 1-2, flexible 2+. */
export const AlterReplicaLogDirsResponse = message({
  name: 'AlterReplicaLogDirsResponse',
  apiKey: 34,
  versions: '1-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    results: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', { partitionIndex: int32('0+'), errorCode: int16('0+') }),
    }),
  },
})
export interface AlterReplicaLogDirsResponse extends Infer<typeof AlterReplicaLogDirsResponse> {}

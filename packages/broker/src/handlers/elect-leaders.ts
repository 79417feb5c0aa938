/**
 * ElectLeaders (key 43), versions 0-2.
 *
 * Behaviour: the only replica leads already: ELECTION_NOT_NEEDED for every partition that is named,
 * and nothing to tell when all are meant (null).
 * Version notes: the type of election (0 preferred, 1 unclean) and an error for the whole request
 * came with 1.
 */
import { apis, type ElectLeadersRequest, errorCode, type Infer } from '@ottla/protocol'
import { handler } from '../handler.ts'
import { electLeaders as decide } from '../metadata/reassignment-controller.ts'

const UNCLEAN = 1

export const electLeaders = handler(
  apis.electLeaders,
  { lowest: 0, highest: 2 },
  ({ image }, _context, { electionType, topicPartitions }) => {
    if (electionType < 0 || electionType > UNCLEAN) return refused(electionType, topicPartitions)
    const replicaElectionResults = decide(image, topicPartitions)
    return { throttleTimeMs: 0, errorCode: 0, replicaElectionResults }
  },
)

/** A request that names nothing succeeds whatever it wants. */
function refused(
  electionType: number,
  topics: Infer<typeof ElectLeadersRequest>['topicPartitions'],
) {
  const code = errorCode('INVALID_REQUEST')
  const errorMessage = `Unknown election type ${electionType}`
  return {
    throttleTimeMs: 0,
    errorCode: topics?.length === 0 ? 0 : code,
    replicaElectionResults: (topics ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({
        partitionId,
        errorCode: code,
        errorMessage,
      })),
    })),
  }
}

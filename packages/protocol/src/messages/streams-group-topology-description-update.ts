import { array, type Infer, int8, int16, int32, message, string, struct } from '../schema/schema.ts'

const topologyDescriptionNode = {
  name: string('0+'),
  nodeType: int8('0+'),
  sourceTopics: array('0+', 'string'),
  sinkTopic: string('0+', { nullable: '0+', default: null }),
  stores: array('0+', 'string'),
  successors: array('0+', 'string'),
} as const

const topologyDescriptionSubtopology = {
  subtopologyId: string('0+'),
  nodes: array('0+', topologyDescriptionNode),
} as const

const topologyDescriptionGlobalStore = {
  source: struct('0+', topologyDescriptionNode),
  processor: struct('0+', topologyDescriptionNode),
} as const

const topologyDescription = {
  subtopologies: array('0+', topologyDescriptionSubtopology),
  globalStores: array('0+', topologyDescriptionGlobalStore),
} as const
/** StreamsGroupTopologyDescriptionUpdateRequest (api key 93), versions 0, flexible 0+. */
export const StreamsGroupTopologyDescriptionUpdateRequest = message({
  name: 'StreamsGroupTopologyDescriptionUpdateRequest',
  apiKey: 93,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    memberId: string('0+'),
    topologyEpoch: int32('0+'),
    topologyDescription: struct('0+', topologyDescription),
  },
})
export interface StreamsGroupTopologyDescriptionUpdateRequest
  extends Infer<typeof StreamsGroupTopologyDescriptionUpdateRequest> {}

/** StreamsGroupTopologyDescriptionUpdateResponse (api key 93), versions 0, flexible 0+. */
export const StreamsGroupTopologyDescriptionUpdateResponse = message({
  name: 'StreamsGroupTopologyDescriptionUpdateResponse',
  apiKey: 93,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+', default: null }),
  },
})
export interface StreamsGroupTopologyDescriptionUpdateResponse
  extends Infer<typeof StreamsGroupTopologyDescriptionUpdateResponse> {}

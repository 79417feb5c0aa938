/**
 * StreamsGroupTopologyDescriptionUpdate (key 93), version 0.
 *
 * Behaviour: UNSUPPORTED_VERSION, as in Apache Kafka without a plug-in that keeps descriptions of
 * topologies. No heartbeat asks a member for one.
 * Not here: such plug-ins, which are classes in Java.
 */
import { apis, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'

export const streamsGroupTopologyDescriptionUpdate = handler(
  apis.streamsGroupTopologyDescriptionUpdate,
  { lowest: 0, highest: 0 },
  () => ({
    throttleTimeMs: 0,
    errorCode: errorCode('UNSUPPORTED_VERSION'),
    errorMessage: 'This broker keeps no descriptions of topologies.',
  }),
)

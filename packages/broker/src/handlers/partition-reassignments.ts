/**
 * AlterPartitionReassignments (key 45), versions 0-1, and ListPartitionReassignments (key 46),
 * version 0.
 *
 * Behaviour: a partition may be assigned to this node, where it is; any other node is
 * INVALID_REPLICA_ASSIGNMENT, and there is never a reassignment to cancel or to list.
 * Version notes: 1 may forbid that the number of replicas changes, which one node cannot do anyway.
 */
import { apis } from '@ottla/protocol'
import { handler } from '../handler.ts'
import { alterReassignments } from '../metadata/reassignment-controller.ts'

export const alterPartitionReassignments = handler(
  apis.alterPartitionReassignments,
  { lowest: 0, highest: 1 },
  ({ image, nodeId }, _context, { topics, allowReplicationFactorChange }) => ({
    throttleTimeMs: 0,
    allowReplicationFactorChange,
    errorCode: 0,
    errorMessage: topics.length === 0 ? '' : null,
    responses: alterReassignments(image, nodeId, topics),
  }),
)

export const listPartitionReassignments = handler(
  apis.listPartitionReassignments,
  { lowest: 0, highest: 0 },
  () => ({ throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: [] }),
)

/** What the broker speaks. The order is that of the API keys. */
import type { Handler } from '../handler.ts'
import { createAcls, deleteAcls, describeAcls } from './acls.ts'
import { alterConfigs, incrementalAlterConfigs } from './alter-configs.ts'
import { alterReplicaLogDirs } from './alter-replica-log-dirs.ts'
import { apiVersions } from './api-versions.ts'
import { alterClientQuotas, describeClientQuotas } from './client-quotas.ts'
import { consumerGroupDescribe } from './consumer-group-describe.ts'
import { consumerGroupHeartbeat } from './consumer-group-heartbeat.ts'
import { createPartitions } from './create-partitions.ts'
import { createTopics } from './create-topics.ts'
import {
  createDelegationToken,
  describeDelegationToken,
  expireDelegationToken,
  renewDelegationToken,
} from './delegation-tokens.ts'
import { deleteRecords } from './delete-records.ts'
import { deleteTopics } from './delete-topics.ts'
import { describeCluster } from './describe-cluster.ts'
import { describeConfigs } from './describe-configs.ts'
import { describeLogDirs } from './describe-log-dirs.ts'
import { describeQuorum } from './describe-quorum.ts'
import { describeTopicPartitions } from './describe-topic-partitions.ts'
import { electLeaders } from './elect-leaders.ts'
import { fetch } from './fetch.ts'
import { findCoordinator } from './find-coordinator.ts'
import { deleteGroups, describeGroups, listGroups, offsetDelete } from './group-admin.ts'
import { heartbeatHandler, joinGroup, leaveGroup, syncGroup } from './group-membership.ts'
import { initProducerId } from './init-producer-id.ts'
import { listConfigResources } from './list-config-resources.ts'
import { listOffsets } from './list-offsets.ts'
import { metadata } from './metadata.ts'
import { offsetCommit } from './offset-commit.ts'
import { offsetFetch } from './offset-fetch.ts'
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import {
  alterPartitionReassignments,
  listPartitionReassignments,
} from './partition-reassignments.ts'
import { produce } from './produce.ts'
import { addRaftVoter, removeRaftVoter } from './raft-voters.ts'
import { saslAuthenticate, saslHandshake } from './sasl.ts'
import { alterUserScramCredentials, describeUserScramCredentials } from './scram-credentials.ts'
import { shareAcknowledge } from './share-acknowledge.ts'
import { shareFetch } from './share-fetch.ts'
import { shareGroupDescribe } from './share-group-describe.ts'
import { shareGroupHeartbeat } from './share-group-heartbeat.ts'
import {
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  describeShareGroupOffsets,
} from './share-group-offsets.ts'
import {
  deleteShareGroupState,
  initializeShareGroupState,
  readShareGroupState,
  readShareGroupStateSummary,
  writeShareGroupState,
} from './share-group-state.ts'
import { streamsGroupDescribe } from './streams-group-describe.ts'
import { streamsGroupHeartbeat } from './streams-group-heartbeat.ts'
import { streamsGroupTopologyDescriptionUpdate } from './streams-group-topology-description-update.ts'
import { getTelemetrySubscriptions, pushTelemetry } from './telemetry.ts'
import { describeProducers, describeTransactions, listTransactions } from './transaction-admin.ts'
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  writeTxnMarkers,
} from './transaction-requests.ts'
import { txnOffsetCommit } from './txn-offset-commit.ts'
import { unregisterBroker, unregisterController } from './unregistering.ts'
import { updateFeatures } from './update-features.ts'

export const handlers: readonly Handler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeatHandler,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions(() => handlers),
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  alterReplicaLogDirs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  createDelegationToken,
  renewDelegationToken,
  expireDelegationToken,
  describeDelegationToken,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  alterUserScramCredentials,
  describeQuorum,
  updateFeatures,
  describeCluster,
  describeProducers,
  unregisterBroker,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  getTelemetrySubscriptions,
  pushTelemetry,
  listConfigResources,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  addRaftVoter,
  removeRaftVoter,
  initializeShareGroupState,
  readShareGroupState,
  writeShareGroupState,
  deleteShareGroupState,
  readShareGroupStateSummary,
  streamsGroupHeartbeat,
  streamsGroupDescribe,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  unregisterController,
  streamsGroupTopologyDescriptionUpdate,
]

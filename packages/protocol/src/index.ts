export { apis } from './apis.ts'
export {
  apiByKey,
  correlationIdOf,
  decodeMessage,
  decodePrefixed,
  decodeRequestBody,
  decodeResponse,
  encodeMessage,
  encodePrefixed,
  encodeRequest,
  encodeResponse,
  type RequestHeader,
  readRequestHeader,
} from './codec.ts'
export {
  COMPRESSION,
  type CompressionId,
  type CompressionName,
  codecFallbacks,
  compress,
  compressionName,
  decompress,
  isCodecReady,
  loadCodec,
} from './compression/codecs.ts'
export {
  CorruptCompressionError,
  DecompressedTooLargeError,
} from './compression/compression-errors.ts'
export {
  ERROR_CODES,
  type ErrorName,
  errorCode,
  errorName,
  isRetriable,
  needsMetadataRefresh,
} from './error-codes.ts'
export {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  LegacyOffsetCommitValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from './internal-records/consumer-offsets.ts'
export {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from './internal-records/consumer-protocol.ts'
export {
  AbortedTxn,
  ControlRecordTypeSchema,
  DefaultPrincipalData,
  EndTxnMarker,
  KRaftVersionRecord,
  LeaderChangeMessage,
  ProducerSnapshot,
  QuorumStateData,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  VotersRecord,
} from './internal-records/log-records.ts'
export {
  AbortTransactionRecord,
  AccessControlEntryRecord,
  BeginTransactionRecord,
  BrokerRegistrationChangeRecord,
  ClearElrRecord,
  ClientQuotaRecord,
  ConfigRecord,
  DelegationTokenRecord,
  EndTransactionRecord,
  FeatureLevelRecord,
  FenceBrokerRecord,
  NoOpRecord,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  RemoveAccessControlEntryRecord,
  RemoveDelegationTokenRecord,
  RemoveTopicRecord,
  RemoveUserScramCredentialRecord,
  TopicRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
  UnregisterControllerRecord,
  UserScramCredentialRecord,
  ZkMigrationStateRecord,
} from './internal-records/metadata-log.ts'
export {
  type CoordinatorRecordType,
  coordinatorRecordTypes,
  METADATA_FRAME_VERSION,
  type MetadataFrame,
  metadataRecordTypes,
  openMetadataFrame,
} from './internal-records/record-types.ts'
export {
  RemoteLogSegmentMetadataRecord,
  RemoteLogSegmentMetadataSnapshotRecord,
  RemoteLogSegmentMetadataUpdateRecord,
  RemotePartitionDeleteMetadataRecord,
} from './internal-records/remote-log-metadata.ts'
export {
  ShareGroupCurrentMemberAssignmentKey,
  ShareGroupCurrentMemberAssignmentValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  ShareGroupTargetAssignmentMemberKey,
  ShareGroupTargetAssignmentMemberValue,
  ShareGroupTargetAssignmentMetadataKey,
  ShareGroupTargetAssignmentMetadataValue,
} from './internal-records/share-group.ts'
export {
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
} from './internal-records/share-group-state.ts'
export {
  StreamsGroupCurrentMemberAssignmentKey,
  StreamsGroupCurrentMemberAssignmentValue,
  StreamsGroupMemberMetadataKey,
  StreamsGroupMemberMetadataValue,
  StreamsGroupMetadataKey,
  StreamsGroupMetadataValue,
  StreamsGroupTargetAssignmentMemberKey,
  StreamsGroupTargetAssignmentMemberValue,
  StreamsGroupTargetAssignmentMetadataKey,
  StreamsGroupTargetAssignmentMetadataValue,
  StreamsGroupTopologyKey,
  StreamsGroupTopologyValue,
} from './internal-records/streams-group.ts'
export { TransactionLogKey, TransactionLogValue } from './internal-records/transaction-state.ts'
export { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './messages/add-offsets-to-txn.ts'
export {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
} from './messages/add-partitions-to-txn.ts'
export { AddRaftVoterRequest, AddRaftVoterResponse } from './messages/add-raft-voter.ts'
export {
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponse,
} from './messages/allocate-producer-ids.ts'
export {
  AlterClientQuotasRequest,
  AlterClientQuotasResponse,
} from './messages/alter-client-quotas.ts'
export { AlterConfigsRequest, AlterConfigsResponse } from './messages/alter-configs.ts'
export { AlterPartitionRequest, AlterPartitionResponse } from './messages/alter-partition.ts'
export {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from './messages/alter-partition-reassignments.ts'
export {
  AlterReplicaLogDirsRequest,
  AlterReplicaLogDirsResponse,
} from './messages/alter-replica-log-dirs.ts'
export {
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponse,
} from './messages/alter-share-group-offsets.ts'
export {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './messages/alter-user-scram-credentials.ts'
export { ApiVersionsRequest, ApiVersionsResponse } from './messages/api-versions.ts'
export {
  AssignReplicasToDirsRequest,
  AssignReplicasToDirsResponse,
} from './messages/assign-replicas-to-dirs.ts'
export { BeginQuorumEpochRequest, BeginQuorumEpochResponse } from './messages/begin-quorum-epoch.ts'
export { BrokerHeartbeatRequest, BrokerHeartbeatResponse } from './messages/broker-heartbeat.ts'
export {
  BrokerRegistrationRequest,
  BrokerRegistrationResponse,
} from './messages/broker-registration.ts'
export {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from './messages/consumer-group-describe.ts'
export {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from './messages/consumer-group-heartbeat.ts'
export {
  ControllerRegistrationRequest,
  ControllerRegistrationResponse,
} from './messages/controller-registration.ts'
export { CreateAclsRequest, CreateAclsResponse } from './messages/create-acls.ts'
export {
  CreateDelegationTokenRequest,
  CreateDelegationTokenResponse,
} from './messages/create-delegation-token.ts'
export { CreatePartitionsRequest, CreatePartitionsResponse } from './messages/create-partitions.ts'
export { CreateTopicsRequest, CreateTopicsResponse } from './messages/create-topics.ts'
export { DeleteAclsRequest, DeleteAclsResponse } from './messages/delete-acls.ts'
export { DeleteGroupsRequest, DeleteGroupsResponse } from './messages/delete-groups.ts'
export { DeleteRecordsRequest, DeleteRecordsResponse } from './messages/delete-records.ts'
export {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from './messages/delete-share-group-offsets.ts'
export {
  DeleteShareGroupStateRequest,
  DeleteShareGroupStateResponse,
} from './messages/delete-share-group-state.ts'
export { DeleteTopicsRequest, DeleteTopicsResponse } from './messages/delete-topics.ts'
export { DescribeAclsRequest, DescribeAclsResponse } from './messages/describe-acls.ts'
export {
  DescribeClientQuotasRequest,
  DescribeClientQuotasResponse,
} from './messages/describe-client-quotas.ts'
export { DescribeClusterRequest, DescribeClusterResponse } from './messages/describe-cluster.ts'
export { DescribeConfigsRequest, DescribeConfigsResponse } from './messages/describe-configs.ts'
export {
  DescribeDelegationTokenRequest,
  DescribeDelegationTokenResponse,
} from './messages/describe-delegation-token.ts'
export { DescribeGroupsRequest, DescribeGroupsResponse } from './messages/describe-groups.ts'
export { DescribeLogDirsRequest, DescribeLogDirsResponse } from './messages/describe-log-dirs.ts'
export {
  DescribeProducersRequest,
  DescribeProducersResponse,
} from './messages/describe-producers.ts'
export { DescribeQuorumRequest, DescribeQuorumResponse } from './messages/describe-quorum.ts'
export {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from './messages/describe-share-group-offsets.ts'
export {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from './messages/describe-topic-partitions.ts'
export {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from './messages/describe-transactions.ts'
export {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from './messages/describe-user-scram-credentials.ts'
export { ElectLeadersRequest, ElectLeadersResponse } from './messages/elect-leaders.ts'
export { EndQuorumEpochRequest, EndQuorumEpochResponse } from './messages/end-quorum-epoch.ts'
export { EndTxnRequest, EndTxnResponse } from './messages/end-txn.ts'
export { EnvelopeRequest, EnvelopeResponse } from './messages/envelope.ts'
export {
  ExpireDelegationTokenRequest,
  ExpireDelegationTokenResponse,
} from './messages/expire-delegation-token.ts'
export { FetchRequest, FetchResponse } from './messages/fetch.ts'
export { FetchSnapshotRequest, FetchSnapshotResponse } from './messages/fetch-snapshot.ts'
export { FindCoordinatorRequest, FindCoordinatorResponse } from './messages/find-coordinator.ts'
export {
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponse,
} from './messages/get-telemetry-subscriptions.ts'
export { HeartbeatRequest, HeartbeatResponse } from './messages/heartbeat.ts'
export {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from './messages/incremental-alter-configs.ts'
export { InitProducerIdRequest, InitProducerIdResponse } from './messages/init-producer-id.ts'
export {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from './messages/initialize-share-group-state.ts'
export { JoinGroupRequest, JoinGroupResponse } from './messages/join-group.ts'
export { LeaveGroupRequest, LeaveGroupResponse } from './messages/leave-group.ts'
export {
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from './messages/list-config-resources.ts'
export { ListGroupsRequest, ListGroupsResponse } from './messages/list-groups.ts'
export { ListOffsetsRequest, ListOffsetsResponse } from './messages/list-offsets.ts'
export {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from './messages/list-partition-reassignments.ts'
export { ListTransactionsRequest, ListTransactionsResponse } from './messages/list-transactions.ts'
export { MetadataRequest, MetadataResponse } from './messages/metadata.ts'
export { OffsetCommitRequest, OffsetCommitResponse } from './messages/offset-commit.ts'
export { OffsetDeleteRequest, OffsetDeleteResponse } from './messages/offset-delete.ts'
export { OffsetFetchRequest, OffsetFetchResponse } from './messages/offset-fetch.ts'
export {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from './messages/offset-for-leader-epoch.ts'
export { ProduceRequest, ProduceResponse } from './messages/produce.ts'
export { PushTelemetryRequest, PushTelemetryResponse } from './messages/push-telemetry.ts'
export {
  ReadShareGroupStateRequest,
  ReadShareGroupStateResponse,
} from './messages/read-share-group-state.ts'
export {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from './messages/read-share-group-state-summary.ts'
export { RemoveRaftVoterRequest, RemoveRaftVoterResponse } from './messages/remove-raft-voter.ts'
export {
  RenewDelegationTokenRequest,
  RenewDelegationTokenResponse,
} from './messages/renew-delegation-token.ts'
export { SaslAuthenticateRequest, SaslAuthenticateResponse } from './messages/sasl-authenticate.ts'
export { SaslHandshakeRequest, SaslHandshakeResponse } from './messages/sasl-handshake.ts'
export { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from './messages/share-acknowledge.ts'
export { ShareFetchRequest, ShareFetchResponse } from './messages/share-fetch.ts'
export {
  ShareGroupDescribeRequest,
  ShareGroupDescribeResponse,
} from './messages/share-group-describe.ts'
export {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from './messages/share-group-heartbeat.ts'
export {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponse,
} from './messages/streams-group-describe.ts'
export {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from './messages/streams-group-heartbeat.ts'
export {
  StreamsGroupTopologyDescriptionUpdateRequest,
  StreamsGroupTopologyDescriptionUpdateResponse,
} from './messages/streams-group-topology-description-update.ts'
export { SyncGroupRequest, SyncGroupResponse } from './messages/sync-group.ts'
export { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './messages/txn-offset-commit.ts'
export { UnregisterBrokerRequest, UnregisterBrokerResponse } from './messages/unregister-broker.ts'
export {
  UnregisterControllerRequest,
  UnregisterControllerResponse,
} from './messages/unregister-controller.ts'
export { UpdateFeaturesRequest, UpdateFeaturesResponse } from './messages/update-features.ts'
export { UpdateRaftVoterRequest, UpdateRaftVoterResponse } from './messages/update-raft-voter.ts'
export { VoteRequest, VoteResponse } from './messages/vote.ts'
export {
  WriteShareGroupStateRequest,
  WriteShareGroupStateResponse,
} from './messages/write-share-group-state.ts'
export { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './messages/write-txn-markers.ts'
export {
  BatchBuilder,
  type BatchBuilderOptions,
  type BatchFields,
  type RecordData,
  type RecordHeaderInput,
  recordSizeMax,
  rewriteProducer,
} from './records/batch-builder.ts'
export {
  ATTRIBUTES_POSITION,
  addSequence,
  attributesOf,
  BASE_SEQUENCE_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_LENGTH_POSITION,
  BATCH_OVERHEAD,
  baseOffsetOf,
  baseSequenceOf,
  baseTimestampOf,
  batchHeaderFault,
  batchSizeOf,
  COMPRESSION_MASK,
  CONTROL_BIT,
  CRC_POSITION,
  compressionOf,
  computeBatchCrc,
  crcOf,
  DELETE_HORIZON_BIT,
  hasDeleteHorizon,
  isBatchCrcValid,
  isControlBatch,
  isLogAppendTime,
  isTransactional,
  LAST_OFFSET_DELTA_POSITION,
  LEADER_EPOCH_POSITION,
  LOG_APPEND_TIME_BIT,
  LOG_OVERHEAD,
  lastOffsetDeltaOf,
  lastOffsetOf,
  lastSequenceOf,
  leaderEpochOf,
  MAGIC,
  MAGIC_POSITION,
  MAX_TIMESTAMP_POSITION,
  magicOf,
  maxTimestampOf,
  PRODUCER_EPOCH_POSITION,
  PRODUCER_ID_POSITION,
  producerEpochOf,
  producerIdOf,
  RECORDS_COUNT_POSITION,
  readInt64,
  recordsCountOf,
  TRANSACTIONAL_BIT,
  writeInt64,
} from './records/batch-header.ts'
export {
  BatchRecord,
  DECOMPRESSED_SIZE_MAX,
  RecordBatch,
  readBatches,
} from './records/batch-reader.ts'
export {
  buildEndTransactionMarker,
  buildKRaftVersion,
  buildLeaderChange,
  buildSnapshotFooter,
  buildSnapshotHeader,
  buildVoters,
  CONTROL_RECORD,
  type ControlRecord,
  type ControlRecordName,
  type ControlRecordPlace,
  decodeControlRecord,
  type TransactionEnd,
} from './records/control-batch.ts'
export { type Crc32c, crc32c, crc32cPlain } from './records/crc32c.ts'
export { recompress } from './records/recompress.ts'
export { RecordCursor, type RecordHeader } from './records/record-cursor.ts'
export {
  findMaxTimestamp,
  findRecordByTimestamp,
  producerBatchFault,
  type RecordFault,
  type RecordRules,
  type RecordValidation,
  type TimestampAndOffset,
  validateRecords,
} from './records/record-validation.ts'
export type { Api, RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from './schema/api.ts'
export { readerOf, writerOf } from './schema/compile.ts'
export { interpretRead, interpretWrite } from './schema/interpreter.ts'
export { messageJson } from './schema/message-json.ts'
export {
  type Field,
  type Fields,
  type FieldsInput,
  type FieldsValue,
  type Infer,
  type InferInput,
  isFlexible,
  type Message,
  rangeOf,
  type VersionRange,
} from './schema/schema.ts'
export { MalformedMessageError } from './wire/malformed-message-error.ts'
export { Reader } from './wire/reader.ts'
export { contiguousRecords, type RecordBytes, sizeOfRecords } from './wire/record-bytes.ts'
export { Writer } from './wire/writer.ts'

import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './messages/add-offsets-to-txn.ts'
import {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
} from './messages/add-partitions-to-txn.ts'
import { AddRaftVoterRequest, AddRaftVoterResponse } from './messages/add-raft-voter.ts'
import {
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponse,
} from './messages/allocate-producer-ids.ts'
import {
  AlterClientQuotasRequest,
  AlterClientQuotasResponse,
} from './messages/alter-client-quotas.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from './messages/alter-configs.ts'
import { AlterPartitionRequest, AlterPartitionResponse } from './messages/alter-partition.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from './messages/alter-partition-reassignments.ts'
import {
  AlterReplicaLogDirsRequest,
  AlterReplicaLogDirsResponse,
} from './messages/alter-replica-log-dirs.ts'
import {
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponse,
} from './messages/alter-share-group-offsets.ts'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './messages/alter-user-scram-credentials.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from './messages/api-versions.ts'
import {
  AssignReplicasToDirsRequest,
  AssignReplicasToDirsResponse,
} from './messages/assign-replicas-to-dirs.ts'
import { BeginQuorumEpochRequest, BeginQuorumEpochResponse } from './messages/begin-quorum-epoch.ts'
import { BrokerHeartbeatRequest, BrokerHeartbeatResponse } from './messages/broker-heartbeat.ts'
import {
  BrokerRegistrationRequest,
  BrokerRegistrationResponse,
} from './messages/broker-registration.ts'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from './messages/consumer-group-describe.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from './messages/consumer-group-heartbeat.ts'
import {
  ControllerRegistrationRequest,
  ControllerRegistrationResponse,
} from './messages/controller-registration.ts'
import { CreateAclsRequest, CreateAclsResponse } from './messages/create-acls.ts'
import {
  CreateDelegationTokenRequest,
  CreateDelegationTokenResponse,
} from './messages/create-delegation-token.ts'
import { CreatePartitionsRequest, CreatePartitionsResponse } from './messages/create-partitions.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from './messages/create-topics.ts'
import { DeleteAclsRequest, DeleteAclsResponse } from './messages/delete-acls.ts'
import { DeleteGroupsRequest, DeleteGroupsResponse } from './messages/delete-groups.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from './messages/delete-records.ts'
import {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from './messages/delete-share-group-offsets.ts'
import {
  DeleteShareGroupStateRequest,
  DeleteShareGroupStateResponse,
} from './messages/delete-share-group-state.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from './messages/delete-topics.ts'
import { DescribeAclsRequest, DescribeAclsResponse } from './messages/describe-acls.ts'
import {
  DescribeClientQuotasRequest,
  DescribeClientQuotasResponse,
} from './messages/describe-client-quotas.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from './messages/describe-cluster.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from './messages/describe-configs.ts'
import {
  DescribeDelegationTokenRequest,
  DescribeDelegationTokenResponse,
} from './messages/describe-delegation-token.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from './messages/describe-groups.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from './messages/describe-log-dirs.ts'
import {
  DescribeProducersRequest,
  DescribeProducersResponse,
} from './messages/describe-producers.ts'
import { DescribeQuorumRequest, DescribeQuorumResponse } from './messages/describe-quorum.ts'
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from './messages/describe-share-group-offsets.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from './messages/describe-topic-partitions.ts'
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from './messages/describe-transactions.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from './messages/describe-user-scram-credentials.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from './messages/elect-leaders.ts'
import { EndQuorumEpochRequest, EndQuorumEpochResponse } from './messages/end-quorum-epoch.ts'
import { EndTxnRequest, EndTxnResponse } from './messages/end-txn.ts'
import { EnvelopeRequest, EnvelopeResponse } from './messages/envelope.ts'
import {
  ExpireDelegationTokenRequest,
  ExpireDelegationTokenResponse,
} from './messages/expire-delegation-token.ts'
import { FetchRequest, FetchResponse } from './messages/fetch.ts'
import { FetchSnapshotRequest, FetchSnapshotResponse } from './messages/fetch-snapshot.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from './messages/find-coordinator.ts'
import {
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponse,
} from './messages/get-telemetry-subscriptions.ts'
import { HeartbeatRequest, HeartbeatResponse } from './messages/heartbeat.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from './messages/incremental-alter-configs.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from './messages/init-producer-id.ts'
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from './messages/initialize-share-group-state.ts'
import { JoinGroupRequest, JoinGroupResponse } from './messages/join-group.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from './messages/leave-group.ts'
import {
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from './messages/list-config-resources.ts'
import { ListGroupsRequest, ListGroupsResponse } from './messages/list-groups.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from './messages/list-offsets.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from './messages/list-partition-reassignments.ts'
import { ListTransactionsRequest, ListTransactionsResponse } from './messages/list-transactions.ts'
import { MetadataRequest, MetadataResponse } from './messages/metadata.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from './messages/offset-commit.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from './messages/offset-delete.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from './messages/offset-fetch.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from './messages/offset-for-leader-epoch.ts'
import { ProduceRequest, ProduceResponse } from './messages/produce.ts'
import { PushTelemetryRequest, PushTelemetryResponse } from './messages/push-telemetry.ts'
import {
  ReadShareGroupStateRequest,
  ReadShareGroupStateResponse,
} from './messages/read-share-group-state.ts'
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from './messages/read-share-group-state-summary.ts'
import { RemoveRaftVoterRequest, RemoveRaftVoterResponse } from './messages/remove-raft-voter.ts'
import {
  RenewDelegationTokenRequest,
  RenewDelegationTokenResponse,
} from './messages/renew-delegation-token.ts'
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from './messages/sasl-authenticate.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from './messages/sasl-handshake.ts'
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from './messages/share-acknowledge.ts'
import { ShareFetchRequest, ShareFetchResponse } from './messages/share-fetch.ts'
import {
  ShareGroupDescribeRequest,
  ShareGroupDescribeResponse,
} from './messages/share-group-describe.ts'
import {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from './messages/share-group-heartbeat.ts'
import {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponse,
} from './messages/streams-group-describe.ts'
import {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from './messages/streams-group-heartbeat.ts'
import {
  StreamsGroupTopologyDescriptionUpdateRequest,
  StreamsGroupTopologyDescriptionUpdateResponse,
} from './messages/streams-group-topology-description-update.ts'
import { SyncGroupRequest, SyncGroupResponse } from './messages/sync-group.ts'
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './messages/txn-offset-commit.ts'
import { UnregisterBrokerRequest, UnregisterBrokerResponse } from './messages/unregister-broker.ts'
import {
  UnregisterControllerRequest,
  UnregisterControllerResponse,
} from './messages/unregister-controller.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from './messages/update-features.ts'
import { UpdateRaftVoterRequest, UpdateRaftVoterResponse } from './messages/update-raft-voter.ts'
import { VoteRequest, VoteResponse } from './messages/vote.ts'
import {
  WriteShareGroupStateRequest,
  WriteShareGroupStateResponse,
} from './messages/write-share-group-state.ts'
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './messages/write-txn-markers.ts'
import { api } from './schema/api.ts'

/** Every API of Apache Kafka 4.4, by key. */
export const apis = {
  produce: api(ProduceRequest, ProduceResponse),
  fetch: api(FetchRequest, FetchResponse),
  listOffsets: api(ListOffsetsRequest, ListOffsetsResponse),
  metadata: api(MetadataRequest, MetadataResponse),
  offsetCommit: api(OffsetCommitRequest, OffsetCommitResponse),
  offsetFetch: api(OffsetFetchRequest, OffsetFetchResponse),
  findCoordinator: api(FindCoordinatorRequest, FindCoordinatorResponse),
  joinGroup: api(JoinGroupRequest, JoinGroupResponse),
  heartbeat: api(HeartbeatRequest, HeartbeatResponse),
  leaveGroup: api(LeaveGroupRequest, LeaveGroupResponse),
  syncGroup: api(SyncGroupRequest, SyncGroupResponse),
  describeGroups: api(DescribeGroupsRequest, DescribeGroupsResponse),
  listGroups: api(ListGroupsRequest, ListGroupsResponse),
  saslHandshake: api(SaslHandshakeRequest, SaslHandshakeResponse),
  apiVersions: api(ApiVersionsRequest, ApiVersionsResponse),
  createTopics: api(CreateTopicsRequest, CreateTopicsResponse),
  deleteTopics: api(DeleteTopicsRequest, DeleteTopicsResponse),
  deleteRecords: api(DeleteRecordsRequest, DeleteRecordsResponse),
  initProducerId: api(InitProducerIdRequest, InitProducerIdResponse),
  offsetForLeaderEpoch: api(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
  addPartitionsToTxn: api(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse),
  addOffsetsToTxn: api(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse),
  endTxn: api(EndTxnRequest, EndTxnResponse),
  writeTxnMarkers: api(WriteTxnMarkersRequest, WriteTxnMarkersResponse),
  txnOffsetCommit: api(TxnOffsetCommitRequest, TxnOffsetCommitResponse),
  describeAcls: api(DescribeAclsRequest, DescribeAclsResponse),
  createAcls: api(CreateAclsRequest, CreateAclsResponse),
  deleteAcls: api(DeleteAclsRequest, DeleteAclsResponse),
  describeConfigs: api(DescribeConfigsRequest, DescribeConfigsResponse),
  alterConfigs: api(AlterConfigsRequest, AlterConfigsResponse),
  alterReplicaLogDirs: api(AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse),
  describeLogDirs: api(DescribeLogDirsRequest, DescribeLogDirsResponse),
  saslAuthenticate: api(SaslAuthenticateRequest, SaslAuthenticateResponse),
  createPartitions: api(CreatePartitionsRequest, CreatePartitionsResponse),
  createDelegationToken: api(CreateDelegationTokenRequest, CreateDelegationTokenResponse),
  renewDelegationToken: api(RenewDelegationTokenRequest, RenewDelegationTokenResponse),
  expireDelegationToken: api(ExpireDelegationTokenRequest, ExpireDelegationTokenResponse),
  describeDelegationToken: api(DescribeDelegationTokenRequest, DescribeDelegationTokenResponse),
  deleteGroups: api(DeleteGroupsRequest, DeleteGroupsResponse),
  electLeaders: api(ElectLeadersRequest, ElectLeadersResponse),
  incrementalAlterConfigs: api(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse),
  alterPartitionReassignments: api(
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
  ),
  listPartitionReassignments: api(
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
  ),
  offsetDelete: api(OffsetDeleteRequest, OffsetDeleteResponse),
  describeClientQuotas: api(DescribeClientQuotasRequest, DescribeClientQuotasResponse),
  alterClientQuotas: api(AlterClientQuotasRequest, AlterClientQuotasResponse),
  describeUserScramCredentials: api(
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
  ),
  alterUserScramCredentials: api(
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
  ),
  vote: api(VoteRequest, VoteResponse),
  beginQuorumEpoch: api(BeginQuorumEpochRequest, BeginQuorumEpochResponse),
  endQuorumEpoch: api(EndQuorumEpochRequest, EndQuorumEpochResponse),
  describeQuorum: api(DescribeQuorumRequest, DescribeQuorumResponse),
  alterPartition: api(AlterPartitionRequest, AlterPartitionResponse),
  updateFeatures: api(UpdateFeaturesRequest, UpdateFeaturesResponse),
  envelope: api(EnvelopeRequest, EnvelopeResponse),
  fetchSnapshot: api(FetchSnapshotRequest, FetchSnapshotResponse),
  describeCluster: api(DescribeClusterRequest, DescribeClusterResponse),
  describeProducers: api(DescribeProducersRequest, DescribeProducersResponse),
  brokerRegistration: api(BrokerRegistrationRequest, BrokerRegistrationResponse),
  brokerHeartbeat: api(BrokerHeartbeatRequest, BrokerHeartbeatResponse),
  unregisterBroker: api(UnregisterBrokerRequest, UnregisterBrokerResponse),
  describeTransactions: api(DescribeTransactionsRequest, DescribeTransactionsResponse),
  listTransactions: api(ListTransactionsRequest, ListTransactionsResponse),
  allocateProducerIds: api(AllocateProducerIdsRequest, AllocateProducerIdsResponse),
  consumerGroupHeartbeat: api(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
  consumerGroupDescribe: api(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
  controllerRegistration: api(ControllerRegistrationRequest, ControllerRegistrationResponse),
  getTelemetrySubscriptions: api(
    GetTelemetrySubscriptionsRequest,
    GetTelemetrySubscriptionsResponse,
  ),
  pushTelemetry: api(PushTelemetryRequest, PushTelemetryResponse),
  assignReplicasToDirs: api(AssignReplicasToDirsRequest, AssignReplicasToDirsResponse),
  listConfigResources: api(ListConfigResourcesRequest, ListConfigResourcesResponse),
  describeTopicPartitions: api(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse),
  shareGroupHeartbeat: api(ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse),
  shareGroupDescribe: api(ShareGroupDescribeRequest, ShareGroupDescribeResponse),
  shareFetch: api(ShareFetchRequest, ShareFetchResponse),
  shareAcknowledge: api(ShareAcknowledgeRequest, ShareAcknowledgeResponse),
  addRaftVoter: api(AddRaftVoterRequest, AddRaftVoterResponse),
  removeRaftVoter: api(RemoveRaftVoterRequest, RemoveRaftVoterResponse),
  updateRaftVoter: api(UpdateRaftVoterRequest, UpdateRaftVoterResponse),
  initializeShareGroupState: api(
    InitializeShareGroupStateRequest,
    InitializeShareGroupStateResponse,
  ),
  readShareGroupState: api(ReadShareGroupStateRequest, ReadShareGroupStateResponse),
  writeShareGroupState: api(WriteShareGroupStateRequest, WriteShareGroupStateResponse),
  deleteShareGroupState: api(DeleteShareGroupStateRequest, DeleteShareGroupStateResponse),
  readShareGroupStateSummary: api(
    ReadShareGroupStateSummaryRequest,
    ReadShareGroupStateSummaryResponse,
  ),
  streamsGroupHeartbeat: api(StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse),
  streamsGroupDescribe: api(StreamsGroupDescribeRequest, StreamsGroupDescribeResponse),
  describeShareGroupOffsets: api(
    DescribeShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsResponse,
  ),
  alterShareGroupOffsets: api(AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse),
  deleteShareGroupOffsets: api(DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse),
  streamsGroupTopologyDescriptionUpdate: api(
    StreamsGroupTopologyDescriptionUpdateRequest,
    StreamsGroupTopologyDescriptionUpdateResponse,
  ),
  unregisterController: api(UnregisterControllerRequest, UnregisterControllerResponse),
} as const

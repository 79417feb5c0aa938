export type { ClientLogger, Clock, LogFields, Random } from '@ottla/base'
export {
  AuthenticationError,
  type CustomLogin,
  type OAuthToken,
  type OpenSocket,
  type PasswordLogin,
  type RequestReport,
  type SaslBroker,
  type SaslExchange,
  type SaslOptions,
  type Secret,
  type TokenLogin,
} from '@ottla/network'
export type {
  Acl,
  AclFilter,
  AclPatternType,
  AclPermission,
  AclResourceType,
  Deleted,
  DeletedAcls,
} from './admin/acl-admin.ts'
export type { AclOperation } from './admin/acl-operations.ts'
export {
  Admin,
  type ClusterDescription,
  type LogDir,
  type LogDirDescription,
} from './admin/admin.ts'
export type { AdminOptions, ValidateOptions } from './admin/admin-core.ts'
export type {
  ApiVersionRange,
  Coordinator,
  FeatureDescription,
  FeatureUpdate,
  FoundCoordinator,
  QuorumDescription,
  QuorumReplica,
  VoterId,
  VoterListener,
} from './admin/cluster-admin.ts'
export type {
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  ConfigResourceType,
  ConfigSource,
  ConfigValueType,
  ResourceConfigs,
} from './admin/config-admin.ts'
export type { DelegationToken, NewDelegationToken } from './admin/delegation-token-admin.ts'
export type { BrokersOptions } from './admin/every-broker.ts'
export type {
  DescribeGroupsOptions,
  GroupDescription,
  GroupName,
  ListedGroup,
  MemberDescription,
  MemberToRemove,
} from './admin/group-admin.ts'
export type {
  GroupLag,
  GroupOffset,
  GroupOffsetById,
  OffsetToSet,
  TopicIdPartition,
} from './admin/group-offset-admin.ts'
export type {
  CoordinatorId,
  ItemError,
  ItemOptions,
  ItemOutcome,
  ItemResult,
  Outcomes,
  Results,
} from './admin/item-results.ts'
export type {
  ElectionType,
  EpochEnd,
  PartitionReassignment,
  ReplicaLogDir,
} from './admin/partition-admin.ts'
export type {
  ListedOffset,
  LogStart,
  OffsetSpec,
  RecordsToDelete,
} from './admin/record-admin.ts'
export type {
  ClientQuota,
  QuotaChange,
  QuotaEntity,
  ScramChange,
  ScramMechanism,
  ScramUser,
  ScramUserDescription,
  UserName,
} from './admin/security-admin.ts'
export type {
  ShareGroupDescription,
  ShareGroupOffset,
  ShareMemberDescription,
} from './admin/share-group-admin.ts'
export type {
  StreamsGroupDescription,
  StreamsMemberDescription,
  StreamsTask,
  Subtopology,
} from './admin/streams-group-admin.ts'
export type {
  CreatedTopic,
  NewPartitions,
  NewTopic,
  PartitionDescription,
  TopicDescription,
  TopicName,
} from './admin/topic-admin.ts'
export type {
  ActiveProducer,
  HangingTransaction,
  ListedTransaction,
  PartitionProducers,
  TransactionalId,
  TransactionDescription,
  TransactionMarker,
} from './admin/transaction-admin.ts'
export type { Target } from './cluster/cluster.ts'
export {
  Consumer,
  type IterationOptions,
  type ManualAssignment,
  type PartitionPosition,
} from './consumer/consumer.ts'
export { ConsumerBatch } from './consumer/consumer-batch.ts'
export type {
  ConsumerCommittedEvent,
  ConsumerPartitionsEvent,
  ConsumerReceivedEvent,
} from './consumer/consumer-events.ts'
export type {
  ConsumerOptions,
  GroupEvent,
  RebalanceListener,
  StartFrom,
} from './consumer/consumer-options.ts'
export { ConsumerRecord } from './consumer/consumer-record.ts'
export type { RunContext, RunHandler, RunOptions } from './consumer/run-options.ts'
export type { Subscribable } from './consumer/subscribed-topics.ts'
export { type ConsumedRecord, Subscription } from './consumer/subscription.ts'
export {
  BufferExhaustedError,
  CommitFailedError,
  CorruptRecordError,
  DeliveryTimeoutError,
  FencedError,
  KafkaError,
  LogTruncationError,
  NoOffsetError,
  RecordExpiredError,
  RecordTooLargeError,
  SerializationError,
  TimeoutError,
  TransactionAbortedError,
  ValidationError,
} from './errors.ts'
export type { AssignorName, TopicPartition } from './group/assignor.ts'
export type {
  CustomAssignor,
  MemberAssignment,
  MemberSubscription,
} from './group/custom-assignor.ts'
export type { GroupMetadata } from './group/group-coordination.ts'
export { type BrokerRequestOptions, Kafka, type KafkaOptions } from './kafka.ts'
export { type AwsCredentials, type MskIamOptions, mskIam } from './login/msk-iam.ts'
export { type OidcOptions, oidc } from './login/oidc.ts'
export { azureEventHubs, confluentCloud, type HostedLogin } from './login/presets.ts'
export type { ClientMetric } from './metrics/client-metrics.ts'
export { prometheusText } from './metrics/prometheus-text.ts'
export type { Partitioner } from './producer/partitioner.ts'
export { Producer } from './producer/producer.ts'
export type {
  ProducerFailedEvent,
  ProducerSendEvent,
  ProducerStoredEvent,
} from './producer/producer-events.ts'
export type { CompressionName, ProducerOptions, SendOptions } from './producer/producer-options.ts'
export type { BytesRecord, ProducerRecord, RecordFor } from './producer/producer-record.ts'
export type { HeadersInput, HeaderValue } from './producer/record-headers.ts'
export type { RecordMetadata, SentRecords } from './producer/send-operation.ts'
export type {
  Transaction,
  TransactionalSendOptions,
  TransactionOffset,
} from './producer/transaction.ts'
export type { RecordHeader } from './records/record-cursor.ts'
export {
  bytes,
  type Encoded,
  float64,
  int32,
  int64,
  json,
  nullable,
  type SchemaOptions,
  type Serde,
  string,
} from './serde/serde.ts'
export type { StandardSchema, StandardSchemaResult } from './serde/standard-schema.ts'
export { type AnyTopic, defineTopic, type SerdeSource, type Topic } from './serde/topic.ts'
export { ShareBatch } from './share/share-batch.ts'
export type { ShareCommitResult } from './share/share-broker.ts'
export { ShareConsumer } from './share/share-consumer.ts'
export type {
  ShareAcknowledgedEvent,
  ShareAcquiredEvent,
  ShareAssignedEvent,
} from './share/share-events.ts'
export type { ShareConsumerOptions } from './share/share-options.ts'
export { ShareRecord } from './share/share-record.ts'
export type { ShareHandler, ShareRunOptions } from './share/share-run.ts'
export { type SharedRecord, ShareSubscription } from './share/share-subscription.ts'
export type { TracedSend, Tracing } from './tracing/tracing.ts'

import {
  array,
  bool,
  bytes,
  float64,
  type Infer,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** AbortTransactionRecord (record type 25), versions 0, flexible 0+. */
export const AbortTransactionRecord = message({
  name: 'AbortTransactionRecord',
  apiKey: 25,
  versions: '0',
  flexible: '0+',
  fields: { reason: string('0+', { nullable: '0+', tag: 0, default: null }) },
})
export interface AbortTransactionRecord extends Infer<typeof AbortTransactionRecord> {}

/** AccessControlEntryRecord (record type 18), versions 0, flexible 0+. */
export const AccessControlEntryRecord = message({
  name: 'AccessControlEntryRecord',
  apiKey: 18,
  versions: '0',
  flexible: '0+',
  fields: {
    id: uuid('0+'),
    resourceType: int8('0+'),
    resourceName: string('0+'),
    patternType: int8('0+'),
    principal: string('0+'),
    host: string('0+'),
    operation: int8('0+'),
    permissionType: int8('0+'),
  },
})
export interface AccessControlEntryRecord extends Infer<typeof AccessControlEntryRecord> {}

/** BeginTransactionRecord (record type 23), versions 0, flexible 0+. */
export const BeginTransactionRecord = message({
  name: 'BeginTransactionRecord',
  apiKey: 23,
  versions: '0',
  flexible: '0+',
  fields: { name: string('0+', { nullable: '0+', tag: 0, default: null }) },
})
export interface BeginTransactionRecord extends Infer<typeof BeginTransactionRecord> {}

/** BrokerRegistrationChangeRecord (record type 17), versions 0-3, flexible 0+. */
export const BrokerRegistrationChangeRecord = message({
  name: 'BrokerRegistrationChangeRecord',
  apiKey: 17,
  versions: '0-3',
  flexible: '0+',
  fields: {
    brokerId: int32('0+'),
    brokerEpoch: int64('0+'),
    fenced: int8('0+', { tag: 0 }),
    inControlledShutdown: int8('1+', { tag: 1 }),
    logDirs: array('2+', 'uuid', { tag: 2 }),
    cordonedLogDirs: array('3+', 'uuid', { nullable: '3+', tag: 3, default: null }),
  },
})
export interface BrokerRegistrationChangeRecord
  extends Infer<typeof BrokerRegistrationChangeRecord> {}

/** ClearElrRecord (record type 28), versions 0, flexible 0+. */
export const ClearElrRecord = message({
  name: 'ClearElrRecord',
  apiKey: 28,
  versions: '0',
  flexible: '0+',
  fields: { topicName: string('0+') },
})
export interface ClearElrRecord extends Infer<typeof ClearElrRecord> {}

/** ClientQuotaRecord (record type 14), versions 0, flexible 0+. */
export const ClientQuotaRecord = message({
  name: 'ClientQuotaRecord',
  apiKey: 14,
  versions: '0',
  flexible: '0+',
  fields: {
    entity: array('0+', { entityType: string('0+'), entityName: string('0+', { nullable: '0+' }) }),
    key: string('0+'),
    value: float64('0+'),
    remove: bool('0+'),
  },
})
export interface ClientQuotaRecord extends Infer<typeof ClientQuotaRecord> {}

/** ConfigRecord (record type 4), versions 0, flexible 0+. */
export const ConfigRecord = message({
  name: 'ConfigRecord',
  apiKey: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    resourceType: int8('0+'),
    resourceName: string('0+'),
    name: string('0+'),
    value: string('0+', { nullable: '0+' }),
  },
})
export interface ConfigRecord extends Infer<typeof ConfigRecord> {}

/** DelegationTokenRecord (record type 10), versions 0, flexible 0+. */
export const DelegationTokenRecord = message({
  name: 'DelegationTokenRecord',
  apiKey: 10,
  versions: '0',
  flexible: '0+',
  fields: {
    owner: string('0+'),
    requester: string('0+'),
    renewers: array('0+', 'string'),
    issueTimestamp: int64('0+'),
    maxTimestamp: int64('0+'),
    expirationTimestamp: int64('0+'),
    tokenId: string('0+'),
  },
})
export interface DelegationTokenRecord extends Infer<typeof DelegationTokenRecord> {}

/** EndTransactionRecord (record type 24), versions 0, flexible 0+. */
export const EndTransactionRecord = message({
  name: 'EndTransactionRecord',
  apiKey: 24,
  versions: '0',
  flexible: '0+',
  fields: {},
})
export interface EndTransactionRecord extends Infer<typeof EndTransactionRecord> {}

/** FeatureLevelRecord (record type 12), versions 0, flexible 0+. */
export const FeatureLevelRecord = message({
  name: 'FeatureLevelRecord',
  apiKey: 12,
  versions: '0',
  flexible: '0+',
  fields: { name: string('0+'), featureLevel: int16('0+') },
})
export interface FeatureLevelRecord extends Infer<typeof FeatureLevelRecord> {}

/** FenceBrokerRecord (record type 7), versions 0, flexible 0+. */
export const FenceBrokerRecord = message({
  name: 'FenceBrokerRecord',
  apiKey: 7,
  versions: '0',
  flexible: '0+',
  fields: { id: int32('0+'), epoch: int64('0+') },
})
export interface FenceBrokerRecord extends Infer<typeof FenceBrokerRecord> {}

/** NoOpRecord (record type 20), versions 0, flexible 0+. */
export const NoOpRecord = message({
  name: 'NoOpRecord',
  apiKey: 20,
  versions: '0',
  flexible: '0+',
  fields: {},
})
export interface NoOpRecord extends Infer<typeof NoOpRecord> {}

/** PartitionChangeRecord (record type 5), versions 0-2, flexible 0+. */
export const PartitionChangeRecord = message({
  name: 'PartitionChangeRecord',
  apiKey: 5,
  versions: '0-2',
  flexible: '0+',
  fields: {
    partitionId: int32('0+', { default: -1 }),
    topicId: uuid('0+'),
    isr: array('0+', 'int32', { nullable: '0+', tag: 0, default: null }),
    leader: int32('0+', { tag: 1, default: -2 }),
    replicas: array('0+', 'int32', { nullable: '0+', tag: 2, default: null }),
    removingReplicas: array('0+', 'int32', { nullable: '0+', tag: 3, default: null }),
    addingReplicas: array('0+', 'int32', { nullable: '0+', tag: 4, default: null }),
    leaderRecoveryState: int8('0+', { tag: 5, default: -1 }),
    directories: array('1+', 'uuid', { nullable: '1+', tag: 8, default: null }),
    eligibleLeaderReplicas: array('2+', 'int32', { nullable: '2+', tag: 6, default: null }),
    lastKnownElr: array('2+', 'int32', { nullable: '2+', tag: 7, default: null }),
  },
})
export interface PartitionChangeRecord extends Infer<typeof PartitionChangeRecord> {}

/** PartitionRecord (record type 3), versions 0-2, flexible 0+. */
export const PartitionRecord = message({
  name: 'PartitionRecord',
  apiKey: 3,
  versions: '0-2',
  flexible: '0+',
  fields: {
    partitionId: int32('0+', { default: -1 }),
    topicId: uuid('0+'),
    replicas: array('0+', 'int32'),
    isr: array('0+', 'int32'),
    removingReplicas: array('0+', 'int32'),
    addingReplicas: array('0+', 'int32'),
    leader: int32('0+', { default: -1 }),
    leaderRecoveryState: int8('0+', { tag: 0, default: 0 }),
    leaderEpoch: int32('0+', { default: -1 }),
    partitionEpoch: int32('0+', { default: -1 }),
    directories: array('1+', 'uuid'),
    eligibleLeaderReplicas: array('2+', 'int32', { nullable: '2+', tag: 1, default: null }),
    lastKnownElr: array('2+', 'int32', { nullable: '2+', tag: 2, default: null }),
  },
})
export interface PartitionRecord extends Infer<typeof PartitionRecord> {}

/** ProducerIdsRecord (record type 15), versions 0, flexible 0+. */
export const ProducerIdsRecord = message({
  name: 'ProducerIdsRecord',
  apiKey: 15,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: int32('0+'),
    brokerEpoch: int64('0+', { default: -1 }),
    nextProducerId: int64('0+'),
  },
})
export interface ProducerIdsRecord extends Infer<typeof ProducerIdsRecord> {}

/** RegisterBrokerRecord (record type 0), versions 0-4, flexible 0+. */
export const RegisterBrokerRecord = message({
  name: 'RegisterBrokerRecord',
  apiKey: 0,
  versions: '0-4',
  flexible: '0+',
  fields: {
    brokerId: int32('0+'),
    isMigratingZkBroker: bool('2+', { default: false }),
    incarnationId: uuid('0+'),
    brokerEpoch: int64('0+'),
    endPoints: array('0+', {
      name: string('0+'),
      host: string('0+'),
      port: uint16('0+'),
      securityProtocol: int16('0+'),
    }),
    features: array('0+', {
      name: string('0+'),
      minSupportedVersion: int16('0+'),
      maxSupportedVersion: int16('0+'),
    }),
    rack: string('0+', { nullable: '0+' }),
    fenced: bool('0+', { default: true }),
    inControlledShutdown: bool('1+', { default: false }),
    logDirs: array('3+', 'uuid', { tag: 0 }),
    cordonedLogDirs: array('4+', 'uuid', { nullable: '4+', tag: 1, default: null }),
  },
})
export interface RegisterBrokerRecord extends Infer<typeof RegisterBrokerRecord> {}

/** RegisterControllerRecord (record type 27), versions 0, flexible 0+. */
export const RegisterControllerRecord = message({
  name: 'RegisterControllerRecord',
  apiKey: 27,
  versions: '0',
  flexible: '0+',
  fields: {
    controllerId: int32('0+'),
    incarnationId: uuid('0+'),
    zkMigrationReady: bool('0+'),
    endPoints: array('0+', {
      name: string('0+'),
      host: string('0+'),
      port: uint16('0+'),
      securityProtocol: int16('0+'),
    }),
    features: array('0+', {
      name: string('0+'),
      minSupportedVersion: int16('0+'),
      maxSupportedVersion: int16('0+'),
    }),
  },
})
export interface RegisterControllerRecord extends Infer<typeof RegisterControllerRecord> {}

/** RemoveAccessControlEntryRecord (record type 19), versions 0, flexible 0+. */
export const RemoveAccessControlEntryRecord = message({
  name: 'RemoveAccessControlEntryRecord',
  apiKey: 19,
  versions: '0',
  flexible: '0+',
  fields: { id: uuid('0+') },
})
export interface RemoveAccessControlEntryRecord
  extends Infer<typeof RemoveAccessControlEntryRecord> {}

/** RemoveDelegationTokenRecord (record type 26), versions 0, flexible 0+. */
export const RemoveDelegationTokenRecord = message({
  name: 'RemoveDelegationTokenRecord',
  apiKey: 26,
  versions: '0',
  flexible: '0+',
  fields: { tokenId: string('0+') },
})
export interface RemoveDelegationTokenRecord extends Infer<typeof RemoveDelegationTokenRecord> {}

/** RemoveTopicRecord (record type 9), versions 0, flexible 0+. */
export const RemoveTopicRecord = message({
  name: 'RemoveTopicRecord',
  apiKey: 9,
  versions: '0',
  flexible: '0+',
  fields: { topicId: uuid('0+') },
})
export interface RemoveTopicRecord extends Infer<typeof RemoveTopicRecord> {}

/** RemoveUserScramCredentialRecord (record type 22), versions 0, flexible 0+. */
export const RemoveUserScramCredentialRecord = message({
  name: 'RemoveUserScramCredentialRecord',
  apiKey: 22,
  versions: '0',
  flexible: '0+',
  fields: { name: string('0+'), mechanism: int8('0+') },
})
export interface RemoveUserScramCredentialRecord
  extends Infer<typeof RemoveUserScramCredentialRecord> {}

/** TopicRecord (record type 2), versions 0, flexible 0+. */
export const TopicRecord = message({
  name: 'TopicRecord',
  apiKey: 2,
  versions: '0',
  flexible: '0+',
  fields: { name: string('0+'), topicId: uuid('0+') },
})
export interface TopicRecord extends Infer<typeof TopicRecord> {}

/** UnfenceBrokerRecord (record type 8), versions 0, flexible 0+. */
export const UnfenceBrokerRecord = message({
  name: 'UnfenceBrokerRecord',
  apiKey: 8,
  versions: '0',
  flexible: '0+',
  fields: { id: int32('0+'), epoch: int64('0+') },
})
export interface UnfenceBrokerRecord extends Infer<typeof UnfenceBrokerRecord> {}

/** UnregisterBrokerRecord (record type 1), versions 0, flexible 0+. */
export const UnregisterBrokerRecord = message({
  name: 'UnregisterBrokerRecord',
  apiKey: 1,
  versions: '0',
  flexible: '0+',
  fields: { brokerId: int32('0+'), brokerEpoch: int64('0+') },
})
export interface UnregisterBrokerRecord extends Infer<typeof UnregisterBrokerRecord> {}

/** UnregisterControllerRecord (record type 29), versions 0, flexible 0+. */
export const UnregisterControllerRecord = message({
  name: 'UnregisterControllerRecord',
  apiKey: 29,
  versions: '0',
  flexible: '0+',
  fields: { controllerId: int32('0+') },
})
export interface UnregisterControllerRecord extends Infer<typeof UnregisterControllerRecord> {}

/** UserScramCredentialRecord (record type 11), versions 0, flexible 0+. */
export const UserScramCredentialRecord = message({
  name: 'UserScramCredentialRecord',
  apiKey: 11,
  versions: '0',
  flexible: '0+',
  fields: {
    name: string('0+'),
    mechanism: int8('0+'),
    salt: bytes('0+'),
    storedKey: bytes('0+'),
    serverKey: bytes('0+'),
    iterations: int32('0+'),
  },
})
export interface UserScramCredentialRecord extends Infer<typeof UserScramCredentialRecord> {}

/** ZkMigrationStateRecord (record type 21), versions 0, flexible 0+. */
export const ZkMigrationStateRecord = message({
  name: 'ZkMigrationStateRecord',
  apiKey: 21,
  versions: '0',
  flexible: '0+',
  fields: { zkMigrationState: int8('0+') },
})
export interface ZkMigrationStateRecord extends Infer<typeof ZkMigrationStateRecord> {}

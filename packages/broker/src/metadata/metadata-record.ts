/**
 * Records of `__cluster_metadata`: which message a type is, and the frame around it.
 *
 *   uvarint frame version (1) | uvarint record type | uvarint record version | message
 */
import {
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
  type Fields,
  type FieldsInput,
  MalformedMessageError,
  type Message,
  NoOpRecord,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
  Reader,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  RemoveAccessControlEntryRecord,
  RemoveDelegationTokenRecord,
  RemoveTopicRecord,
  RemoveUserScramCredentialRecord,
  readerOf,
  TopicRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
  UnregisterControllerRecord,
  UserScramCredentialRecord,
  Writer,
  writerOf,
  ZkMigrationStateRecord,
} from '@ottla/protocol'

const FRAME_VERSION = 1

const messages = {
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
} as const

type Messages = typeof messages
export type MetadataRecordName = keyof Messages
type ValueOf<M> = M extends Message<infer F> ? FieldsInput<F> : never

/** A record as a controller makes it and as replay takes it. */
export type MetadataRecord = {
  [N in MetadataRecordName]: {
    readonly name: N
    readonly version: number
    readonly value: ValueOf<Messages[N]>
  }
}[MetadataRecordName]

export type MetadataValue<N extends MetadataRecordName> = ValueOf<Messages[N]>

/** Versions we write at metadata.version 4.4-IV2; all others are written at version 0. */
const WRITTEN_VERSIONS: Partial<Record<MetadataRecordName, number>> = {
  RegisterBrokerRecord: 4,
  PartitionRecord: 2,
  PartitionChangeRecord: 2,
  BrokerRegistrationChangeRecord: 3,
}

export function metadataRecord<N extends MetadataRecordName>(
  name: N,
  value: MetadataValue<N>,
): MetadataRecord {
  return { name, version: WRITTEN_VERSIONS[name] ?? 0, value } as MetadataRecord
}

const namesByType = new Map<number, MetadataRecordName>(
  Object.entries(messages).map(([name, { apiKey }]) => [
    apiKey as number,
    name as MetadataRecordName,
  ]),
)

export function encodeMetadataRecord(record: MetadataRecord): Buffer {
  const message: Message = messages[record.name] as unknown as Message
  const writer = new Writer(true)
  writer.unsignedVarint(FRAME_VERSION)
  writer.unsignedVarint(message.apiKey as number)
  writer.unsignedVarint(record.version)
  writerOf(message, record.version)(writer, record.value as FieldsInput<Fields>)
  return Buffer.concat(writer.finish())
}

/**
 * Throws on a type or version we do not know: metadata that is not understood must not be served.
 */
export function decodeMetadataRecord(bytes: Buffer): MetadataRecord {
  const reader = new Reader(bytes)
  const frameVersion = reader.unsignedVarint()
  if (frameVersion !== FRAME_VERSION) {
    throw new MalformedMessageError(`metadata frame version ${frameVersion}`, 0)
  }
  const type = reader.unsignedVarint()
  const version = reader.unsignedVarint()
  const name = namesByType.get(type)
  if (!name) throw new MalformedMessageError(`unknown metadata record type ${type}`, 1)
  const message: Message = messages[name] as unknown as Message
  if (version > message.highest) {
    throw new MalformedMessageError(`${name} version ${version} is newer than this ottla`, 2)
  }
  return { name, version, value: readerOf(message, version)(reader) } as unknown as MetadataRecord
}

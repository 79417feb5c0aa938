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
  METADATA_FRAME_VERSION,
  type Message,
  NoOpRecord,
  openMetadataFrame,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
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
  [N in MetadataRecordName]: { readonly name: N; readonly value: ValueOf<Messages[N]> }
}[MetadataRecordName]

export type MetadataValue<N extends MetadataRecordName> = ValueOf<Messages[N]>

/**
 * The metadata.version from which on a version of a record is written, versions ascending. Records
 * that are not named here have version 0 only. A node that knows only older levels may have to read
 * what is written at its level.
 */
const WRITTEN_SINCE: Partial<Record<MetadataRecordName, readonly (readonly [number, number])[]>> = {
  RegisterBrokerRecord: [
    [1, 7],
    [2, 8],
    [3, 17],
    [4, 30],
  ],
  PartitionRecord: [
    [1, 17],
    [2, 23],
  ],
  PartitionChangeRecord: [
    [1, 17],
    [2, 23],
  ],
  BrokerRegistrationChangeRecord: [
    [1, 7],
    [2, 17],
    [3, 30],
  ],
}

/** Version in which a record is written at a level of metadata.version. */
export function writtenVersion(name: MetadataRecordName, metadataVersion: number): number {
  const row = WRITTEN_SINCE[name]?.findLast(([, since]) => metadataVersion >= since)
  return row?.[0] ?? 0
}

export function metadataRecord<N extends MetadataRecordName>(
  name: N,
  value: MetadataValue<N>,
): MetadataRecord {
  return { name, value } as MetadataRecord
}

/** Bytes of a record in the version that `metadataVersion` asks for. */
export function encodeMetadataRecord(record: MetadataRecord, metadataVersion: number): Buffer {
  const message: Message = messages[record.name] as unknown as Message
  const version = writtenVersion(record.name, metadataVersion)
  const writer = new Writer(true)
  writer.unsignedVarint(METADATA_FRAME_VERSION)
  writer.unsignedVarint(message.apiKey as number)
  writer.unsignedVarint(version)
  writerOf(message, version)(writer, record.value as FieldsInput<Fields>)
  return Buffer.concat(writer.finish())
}

export function decodeMetadataRecord(bytes: Buffer): MetadataRecord {
  const { message, version, reader } = openMetadataFrame(bytes)
  return { name: message.name, value: readerOf(message, version)(reader) } as MetadataRecord
}

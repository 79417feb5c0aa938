/**
 * Records of internal topics and control records as plain values, by the tables of the protocol.
 * Throws a MalformedMessageError on what does not decode.
 */
import {
  type BatchRecord,
  coordinatorRecordTypes,
  decodeControlRecord,
  decodePrefixed,
  MalformedMessageError,
  type Message,
  messageJson,
  openMetadataFrame,
  readerOf,
} from '@ottla/protocol'

const METADATA_TOPIC = '__cluster_metadata'

/** A record that is Kafka's own. */
export interface DecodedRecord {
  readonly type: string
  readonly version: number | undefined
  readonly key?: unknown
  /** null removes; undefined where there is no value. */
  readonly value?: unknown
}

/** Undefined for records of users' topics. */
export function decodeInternalRecord(
  topic: string,
  record: BatchRecord,
): DecodedRecord | undefined {
  if (topic === METADATA_TOPIC) return decodeMetadata(record.value)
  const types = coordinatorRecordTypes.get(topic)
  if (!types) return undefined
  const { key, value } = record
  if (!key || key.length < 2) throw new MalformedMessageError('a record without a type', 0)
  const number = key.readInt16BE(0)
  const type = types.get(number)
  // Of a newer Kafka: coordinators skip it.
  if (!type) return { type: `unknown ${number}`, version: undefined }
  const name = type.key.name.replace(/Key$/, '')
  const decodedKey = messageJson(type.key, 0, decodePrefixed(type.key, 0, key))
  if (value === null) return { type: name, version: undefined, key: decodedKey, value: null }
  return { type: name, key: decodedKey, ...decodeValue(type.value, value) }
}

function decodeValue(message: Message, value: Buffer): { version: number; value: unknown } {
  if (value.length < 2) throw new MalformedMessageError('a value without a version', 0)
  const version = value.readInt16BE(0)
  if (version < message.lowest || version > message.highest) {
    throw new MalformedMessageError(`${message.name} has no version ${version}`, 0)
  }
  return { version, value: messageJson(message, version, decodePrefixed(message, version, value)) }
}

function decodeMetadata(value: Buffer | null): DecodedRecord {
  if (!value) throw new MalformedMessageError('a metadata record without a value', 0)
  const { message, version, reader } = openMetadataFrame(value)
  const decoded = readerOf(message, version)(reader)
  return { type: message.name, version, value: messageJson(message, version, decoded) }
}

/** Transaction markers, leader changes, and what frames a snapshot. */
export function decodeControl(record: BatchRecord): DecodedRecord {
  const { type, ...value } = decodeControlRecord(record)
  return { type, version: undefined, value: 'message' in value ? value.message : value }
}

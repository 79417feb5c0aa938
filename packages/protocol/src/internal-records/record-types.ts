/**
 * Which message a record of an internal topic is. The coordinators put the type in front of the
 * key and the version in front of the value (both int16); the metadata log has both in front of
 * its only message (metadata-record.ts of the broker, and below).
 */

import type { Message } from '../schema/schema.ts'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { Reader } from '../wire/reader.ts'
import * as offsets from './consumer-offsets.ts'
import * as metadata from './metadata-log.ts'
import * as shareGroups from './share-group.ts'
import * as shareStates from './share-group-state.ts'
import * as streamsGroups from './streams-group.ts'
import * as transactions from './transaction-state.ts'

/** Key and value of one type of record. */
export interface CoordinatorRecordType {
  readonly key: Message
  readonly value: Message
}

type Tables = Readonly<Record<string, unknown>>

const messagesOf = (tables: Tables): Message[] => Object.values(tables) as Message[]

function recordTypes(...tables: Tables[]): ReadonlyMap<number, CoordinatorRecordType> {
  const all = tables.flatMap(messagesOf)
  const types = new Map<number, CoordinatorRecordType>()
  for (const key of all.filter(({ name }) => name.endsWith('Key'))) {
    const value = all.find(({ name }) => name === key.name.replace(/Key$/, 'Value'))
    if (value) types.set(key.apiKey as number, { key, value })
  }
  return types
}

/** Types of the records of Kafka's internal topics, by the topic. */
export const coordinatorRecordTypes: ReadonlyMap<
  string,
  ReadonlyMap<number, CoordinatorRecordType>
> = new Map([
  ['__consumer_offsets', recordTypes(offsets, shareGroups, streamsGroups)],
  ['__transaction_state', recordTypes(transactions)],
  ['__share_group_state', recordTypes(shareStates)],
])

/** Messages of the metadata log by their type. */
export const metadataRecordTypes: ReadonlyMap<number, Message> = new Map(
  messagesOf(metadata).map((message) => [message.apiKey as number, message]),
)

/** Version of the frame around a record of the metadata log. */
export const METADATA_FRAME_VERSION = 1

export interface MetadataFrame {
  readonly message: Message
  readonly version: number
  /** Stands at the message. */
  readonly reader: Reader
}

/**
 * Opens the frame of a record of the metadata log: uvarint frame version (1), uvarint type, uvarint
 * version, message. Throws on what this ottla does not know: metadata that is not understood must
 * not be served.
 */
export function openMetadataFrame(bytes: Buffer): MetadataFrame {
  const reader = new Reader(bytes)
  const frameVersion = reader.unsignedVarint()
  if (frameVersion !== METADATA_FRAME_VERSION) {
    throw new MalformedMessageError(`metadata frame version ${frameVersion}`, 0)
  }
  const type = reader.unsignedVarint()
  const version = reader.unsignedVarint()
  const message = metadataRecordTypes.get(type)
  if (!message) throw new MalformedMessageError(`unknown metadata record type ${type}`, 1)
  if (version > message.highest) {
    throw new MalformedMessageError(
      `${message.name} version ${version} is newer than this ottla`,
      2,
    )
  }
  return { message, version, reader }
}

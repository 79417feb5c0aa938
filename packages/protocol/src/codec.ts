/**
 * Frames: size, header and body of requests and responses; and the two-byte version prefix that
 * coordinators put in front of their records.
 *
 *   request   int32 size | int16 key | int16 version | int32 correlation id | client id | tags?
 *             | body
 *   response  int32 size | int32 correlation id | tags? | body
 *
 * Tags are there in flexible versions; the client id keeps its old encoding even then, and the
 * response header of ApiVersions never has tags, because a client must be able to read it before it
 * knows what the broker speaks.
 */
import { apis } from './apis.ts'
import type { Api } from './schema/api.ts'
import { readerOf, writerOf } from './schema/compile.ts'
import { interpretRead, interpretWrite } from './schema/interpreter.ts'
import {
  type Fields,
  type FieldsInput,
  type FieldsValue,
  isFlexible,
  type Message,
} from './schema/schema.ts'
import { MalformedMessageError } from './wire/malformed-message-error.ts'
import { Reader } from './wire/reader.ts'
import { Writer } from './wire/writer.ts'

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

const apisByKey = new Map<number, Api>(
  Object.values(apis).map((api) => [api.key, api as unknown as Api]),
)

/** The API with a key, or undefined when Apache Kafka 4.4 has none. */
export const apiByKey = (key: number): Api | undefined => apisByKey.get(key)

/** A whole request frame, ready for a gathered write. */
export function encodeRequest<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  body: FieldsInput<Q>,
): Buffer[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(header.correlationId)
  writer.nullableString(header.clientId)
  if (isFlexible(api.request as unknown as Message, version)) writer.unsignedVarint(0)
  encode(api.request, version, writer, body)
  return finishFrame(writer)
}

/** A whole response frame, ready for a gathered write. */
export function encodeResponse<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  version: number,
  correlationId: number,
  body: FieldsInput<S>,
): Buffer[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(correlationId)
  if (hasResponseTags(api as unknown as Api, version)) writer.unsignedVarint(0)
  encode(api.response, version, writer, body)
  return finishFrame(writer)
}

function finishFrame(writer: Writer): Buffer[] {
  const size = writer.size - 4
  const chunks = writer.finish()
  ;(chunks[0] as Buffer).writeInt32BE(size, 0)
  return chunks
}

const hasResponseTags = (api: Api, version: number): boolean =>
  api.key !== apis.apiVersions.key && isFlexible(api.response, version)

/**
 * Reads the header of a request frame (without its size) up to the client id. The tagged section of
 * a flexible header is left for {@link decodeRequestBody}: an unknown version must be answered
 * without looking further.
 */
export function readRequestHeader(reader: Reader): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.nullableString(),
  }
}

/** Reads the rest of a request whose header has been read. */
export function decodeRequestBody<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  version: number,
  reader: Reader,
): FieldsValue<Q> {
  if (isFlexible(api.request as unknown as Message, version)) reader.skipTags()
  return decode(api.request, version, reader)
}

/** Correlation id of a response frame (without its size). */
export const correlationIdOf = (frame: Buffer): number => {
  if (frame.length < 4) throw new MalformedMessageError('response without correlation id', 0)
  return frame.readInt32BE(0)
}

/** Reads a response frame (without its size). */
export function decodeResponse<Q extends Fields, S extends Fields>(
  api: Api<Q, S>,
  version: number,
  frame: Buffer,
): FieldsValue<S> {
  const reader = new Reader(frame, 4)
  if (hasResponseTags(api as unknown as Api, version)) reader.skipTags()
  return decode(api.response, version, reader)
}

/** Writes a message; for a value that cannot be written the interpreter names the field. */
function encode<F extends Fields>(
  message: Message<F>,
  version: number,
  writer: Writer,
  value: FieldsInput<F>,
): void {
  try {
    writerOf(message, version)(writer, value)
  } catch (error) {
    interpretWrite(message as unknown as Message, version, new Writer(true), value)
    throw error
  }
}

/** Reads a message; on malformed bytes the interpreter reads it again to name the field. */
function decode<F extends Fields>(
  message: Message<F>,
  version: number,
  reader: Reader,
): FieldsValue<F> {
  const start = reader.position
  try {
    return readerOf(message, version)(reader)
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    interpretRead(
      message as unknown as Message,
      version,
      new Reader(reader.buffer, start, reader.end),
    )
    throw error
  }
}

/** Bytes of a message without header or version, as one buffer. */
export function encodeMessage<F extends Fields>(
  message: Message<F>,
  version: number,
  value: FieldsInput<F>,
): Buffer {
  const writer = new Writer(true)
  encode(message, version, writer, value)
  const chunks = writer.finish()
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

export function decodeMessage<F extends Fields>(
  message: Message<F>,
  version: number,
  bytes: Buffer,
): FieldsValue<F> {
  return decode(message, version, new Reader(bytes))
}

/** int16 prefix and message: keys (the prefix is the record type) and values (the version). */
export function encodePrefixed<F extends Fields>(
  message: Message<F>,
  prefix: number,
  version: number,
  value: FieldsInput<F>,
): Buffer {
  const writer = new Writer(true)
  writer.int16(prefix)
  encode(message, version, writer, value)
  const chunks = writer.finish()
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
}

/** Reads what follows an int16 prefix. */
export function decodePrefixed<F extends Fields>(
  message: Message<F>,
  version: number,
  bytes: Buffer,
): FieldsValue<F> {
  return decode(message, version, new Reader(bytes, 2))
}

/**
 * What lies before the payload: byte 0, and the id of the schema in four bytes, big-endian.
 */

const MAGIC = 0
export const HEADER_SIZE = 5

export function writeHeader(target: Buffer, id: number): void {
  target[0] = MAGIC
  target.writeInt32BE(id, 1)
}

/** The id of the schema; undefined when the bytes do not begin like a registry's. */
export function schemaIdOf(bytes: Buffer): number | undefined {
  return bytes.length >= HEADER_SIZE && bytes[0] === MAGIC ? bytes.readInt32BE(1) : undefined
}

/** The id of the schema. Throws for bytes that were written without a registry, and for null. */
export function readHeader(bytes: Buffer | null): number {
  if (bytes === null) throw new TypeError('null where a schema id was expected; use nullable(...)')
  const id = schemaIdOf(bytes)
  if (id !== undefined) return id
  const start = bytes.subarray(0, HEADER_SIZE).toString('hex') || 'nothing'
  throw new TypeError(
    `expected byte 0 and a schema id, got ${start}: it was not written with a schema registry`,
  )
}

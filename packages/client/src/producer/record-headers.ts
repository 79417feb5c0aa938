/** Header values of one record: text or bytes; several under one name are several headers. */
export type HeaderValue = Uint8Array | string | null
export type HeadersInput = Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>

/** Encodes headers as they lie in a record: varint count, then key and value of each. */
export function encodeHeaders(headers: HeadersInput): Buffer {
  const parts: Buffer[] = []
  let count = 0
  const add = (name: Buffer, value: HeaderValue) => {
    count++
    parts.push(varint(name.length), name)
    if (value === null) parts.push(varint(-1))
    else {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value
      parts.push(varint(bytes.length), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    }
  }
  for (const [key, values] of Object.entries(headers)) {
    const name = Buffer.from(key)
    if (Array.isArray(values)) for (const value of values) add(name, value)
    else add(name, values as HeaderValue)
  }
  return Buffer.concat([varint(count), ...parts])
}

function varint(value: number): Buffer {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  const out: number[] = []
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.push(rest)
  return Buffer.from(out)
}

/**
 * Values encrypted with AES-256-GCM: any object with `serialize` and `deserialize` is a serde, and
 * this one wraps another. The topic is authenticated too, so that a value cannot be moved to
 * another topic unnoticed.
 *
 *   byte 0: version 1 | 12 bytes: nonce | 16 bytes: tag | the encrypted value
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Serde } from '@ottla/client'

const VERSION = 1
const NONCE_SIZE = 12
const TAG_SIZE = 16
const HEADER_SIZE = 1 + NONCE_SIZE + TAG_SIZE

/** `key` has 32 bytes. Nulls stay null, so that tombstones remain what they are. */
export function encrypted<In, Out>(
  inner: Serde<In, Out>,
  key: Buffer,
  topic: string,
): Serde<In, Out> {
  const decrypt = (bytes: Buffer | null) => (bytes === null ? null : open(bytes, key, topic))
  return {
    serialize: (value) => {
      const plain = inner.serialize(value)
      return plain === null ? null : seal(Buffer.from(plain as Uint8Array), key, topic)
    },
    deserialize: (bytes) => inner.deserialize(decrypt(bytes)),
  }
}

function seal(plain: Buffer, key: Buffer, topic: string): Buffer {
  const nonce = randomBytes(NONCE_SIZE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(topic))
  const secret = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), secret])
}

function open(bytes: Buffer, key: Buffer, topic: string): Buffer {
  if (bytes.length < HEADER_SIZE || bytes[0] !== VERSION) {
    throw new TypeError('the value is not encrypted, or by another program')
  }
  const nonce = bytes.subarray(1, 1 + NONCE_SIZE)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_SIZE })
  decipher.setAAD(Buffer.from(topic)).setAuthTag(bytes.subarray(1 + NONCE_SIZE, HEADER_SIZE))
  return Buffer.concat([decipher.update(bytes.subarray(HEADER_SIZE)), decipher.final()])
}

import type { Random } from './random.ts'

/**
 * Kafka writes a uuid as 22 characters of base64url; ottla keeps it in that form everywhere, since
 * it is then a map key, a log field and the text of `partition.metadata` at once.
 */
export type Uuid = string

export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA'
/** Topic id of `__cluster_metadata`, fixed by Apache Kafka. */
export const METADATA_TOPIC_ID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ'

/** A version 4 uuid that is not one of Kafka's reserved ids and does not start with a dash. */
export function randomUuid(random: Random): Uuid {
  for (;;) {
    const bytes = Buffer.from(random.bytes(16))
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
    const text = bytes.toString('base64url')
    if (!text.startsWith('-')) return text
  }
}

/** True for the 22 characters of a 16-byte uuid. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text)
}

/**
 * Partition of an internal topic that holds a key. Apache Kafka uses Java's hash of the string,
 * over UTF-16 code units in 32 bits; a directory it is to open must agree.
 */
export function partitionForKey(key: string, partitions: number): number {
  return javaAbs(javaHashCode(key)) % partitions
}

export function javaHashCode(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** Kafka's abs, for which the smallest integer is 0. */
const javaAbs = (value: number): number => (value === -0x8000_0000 ? 0 : Math.abs(value))

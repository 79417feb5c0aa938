import { AssertionError, messageOf, OttlaError } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'

/** The log could not do what was asked; `errorName` is what a Kafka client should be told. */
export class StorageError extends OttlaError {
  readonly errorName: ErrorName

  constructor(errorName: ErrorName, message: string, cause?: unknown) {
    super(message, { code: errorName, cause })
    this.errorName = errorName
  }
}

/** Bytes of a segment are not what was written. Nothing is deleted because of it. */
export class CorruptRecordError extends StorageError {
  readonly file: string
  readonly position: number

  constructor(file: string, position: number, reason: string) {
    super('CORRUPT_MESSAGE', `Corrupt record batch in ${file} at position ${position}: ${reason}`)
    this.file = file
    this.position = position
  }
}

/**
 * An error of the operating system or of a file's form as one that can be answered for one
 * partition alone. Bugs pass through.
 */
export function asStorageError(error: unknown, what: string): unknown {
  if (error instanceof StorageError || error instanceof AssertionError) return error
  return new StorageError('KAFKA_STORAGE_ERROR', `${what}: ${messageOf(error)}`, error)
}

/** A file of ours or of Apache Kafka's does not parse. */
export class CorruptFileError extends OttlaError {
  readonly file: string

  constructor(file: string, reason: string) {
    super(`${file}: ${reason}`, {
      code: 'CORRUPT_FILE',
      hint: 'Restore the file from a backup, or move it away to have it made anew.',
    })
    this.file = file
  }
}

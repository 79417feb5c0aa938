import { OttlaError } from '@ottla/base'

/** Bytes that cannot be the message they claim to be. Nothing of it has been used. */
export class MalformedMessageError extends OttlaError {
  /** Message and version, such as `FetchRequest v12`, where known. */
  readonly api: string | undefined
  /** Path of the field, such as `topics[3].partitions[0].fetchOffset`, where known. */
  readonly path: string | undefined
  /** Byte position in the frame. */
  readonly position: number

  constructor(reason: string, position: number, where?: { api: string; path: string }) {
    const place = where ? ` in ${where.api} at ${where.path || 'its start'}` : ''
    super(`${reason}${place} (byte ${position})`, { code: 'MALFORMED_MESSAGE' })
    this.api = where?.api
    this.path = where?.path
    this.position = position
  }
}

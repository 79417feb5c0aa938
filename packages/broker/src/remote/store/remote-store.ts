/**
 * Where an archive lies: a directory or a bucket. What a caller may rely on:
 *
 * - an object is there whole once `put` has resolved, and survives a power cut; after a `put` that
 *   failed or never ended it is absent, old, or new, and whole in each case;
 * - `put` and `delete` can be repeated;
 * - `list` names every object whose `put` resolved before it began and that was not deleted.
 */
import { OttlaError } from '@ottla/base'

export interface ObjectContent {
  readonly size: number
  /** From the beginning at every call, so that an upload can be tried again. */
  readonly chunks: () => AsyncIterable<Buffer>
}

export interface StoredObject {
  readonly key: string
  readonly size: number
}

export interface RemoteStore {
  /** For people: a path or a URL, without secrets. */
  readonly where: string
  /** The system keeps in memory what was read, so that reading it again is cheap. */
  readonly isLocal: boolean
  put(key: string, content: ObjectContent): Promise<void>
  /**
   * Bytes [from, to), to the end without `to`; or a StoreError with code OBJECT_MISSING. They may
   * lie in `memory`, if there is room for them; after a failure it is not used any more.
   */
  get(key: string, from: number, to?: number, memory?: Buffer): Promise<Buffer>
  /** Content when the object is not there. */
  delete(key: string): Promise<void>
  /** Objects whose keys begin with `prefix`, in no particular order. */
  list(prefix: string): AsyncIterable<StoredObject>
  /**
   * Clears away what interrupted uploads have left. Only for the one who writes to the archive, and
   * before the first of its uploads.
   */
  tidy(): Promise<void>
  close(): Promise<void>
}

export type StoreErrorCode = 'OBJECT_MISSING' | 'STORE_FAILED'

/** The store could not do what was asked. All but OBJECT_MISSING may work when tried again. */
export class StoreError extends OttlaError {
  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { code, cause })
  }
}

export const isObjectMissing = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'OBJECT_MISSING'

/** Content that is in memory already. */
export const contentOf = (bytes: Buffer): ObjectContent => ({
  size: bytes.length,
  async *chunks() {
    yield bytes
  },
})

/**
 * An archive in a bucket of S3 or of a server that speaks its protocol.
 *
 * A segment is at most 2 GiB, so that each object goes up with one PUT: S3 takes it whole or not at
 * all, and no half upload is left to be found. What fails on the way, with 5xx, 429 or a broken
 * connection, is tried again here a few times where nothing was sent yet, and by the next round of
 * the archive for the rest.
 */
import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { messageOf } from '@ottla/base'
import type { S3Settings } from './open-store.ts'
import {
  type ObjectContent,
  type RemoteStore,
  type StoredObject,
  StoreError,
} from './remote-store.ts'

const TRIES_MAX = 4
/** Content up to this size is sent from memory, so that the client can send it again by itself. */
const SMALL_BYTES = 1024 * 1024

/** What fails is told by an error; the client would tell the console of it too. */
const nothing = (): void => {}
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

export interface S3Place {
  readonly bucket: string
  /** Put in front of every key; "" or without slashes at its ends. */
  readonly prefix: string
}

export class S3Store implements RemoteStore {
  readonly where: string
  readonly isLocal = false
  private readonly client: S3Client
  private readonly bucket: string
  private readonly prefix: string

  private constructor(client: S3Client, { bucket, prefix }: S3Place) {
    this.client = client
    this.bucket = bucket
    this.prefix = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`
    this.where = `s3://${bucket}/${this.prefix}`
  }

  /** Makes sure that the bucket can be reached. */
  static async open(place: S3Place, settings: S3Settings): Promise<S3Store> {
    const { endpoint, region, isPathStyle, accessKeyId, secretAccessKey } = settings
    const { requestTimeoutMs } = settings
    const client = new S3Client({
      region,
      forcePathStyle: isPathStyle,
      maxAttempts: TRIES_MAX,
      logger: SILENT,
      requestHandler: {
        connectionTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        socketTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      },
      // Batches have checksums of their own; older servers do not understand those of the client.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      ...(endpoint === null ? {} : { endpoint }),
      ...(accessKeyId === null || secretAccessKey === null
        ? {}
        : { credentials: { accessKeyId, secretAccessKey } }),
    })
    const store = new S3Store(client, place)
    try {
      await client.send(new HeadBucketCommand({ Bucket: place.bucket }))
    } catch (error) {
      client.destroy()
      throw failed(`The archive ${store.where} cannot be opened`, error)
    }
    return store
  }

  async put(key: string, content: ObjectContent): Promise<void> {
    const { size } = content
    const body = size <= SMALL_BYTES ? await gather(content) : Readable.from(content.chunks())
    try {
      await this.client.send(
        new PutObjectCommand({ ...this.place(key), Body: body, ContentLength: size }),
      )
    } catch (error) {
      if (body instanceof Readable) body.destroy()
      throw failed(`${key} cannot be written to ${this.where}`, error)
    }
  }

  async get(key: string, from: number, to?: number, memory?: Buffer): Promise<Buffer> {
    // S3 refuses a range of nothing, and one that begins behind the end of an empty object.
    if (to !== undefined && to <= from) return Buffer.alloc(0)
    const isWhole = from === 0 && to === undefined
    const range = isWhole ? {} : { Range: `bytes=${from}-${to === undefined ? '' : to - 1}` }
    try {
      const { Body } = await this.client.send(
        new GetObjectCommand({ ...this.place(key), ...range }),
      )
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
      if (to !== undefined && bytes.length !== to - from) {
        throw new Error(`${bytes.length} bytes came instead of ${to - from}`)
      }
      if (!memory) return Buffer.from(bytes)
      memory.set(bytes)
      return memory.subarray(0, bytes.length)
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') {
        throw new StoreError('OBJECT_MISSING', `${key} is not there`, error)
      }
      throw failed(`${key} cannot be read from ${this.where}`, error)
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand(this.place(key)))
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return
      throw failed(`${key} cannot be deleted from ${this.where}`, error)
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    let token: string | undefined
    do {
      const page = await this.page(prefix, token)
      for (const { Key: key, Size: size } of page.Contents ?? []) {
        if (key !== undefined) yield { key: key.slice(this.prefix.length), size: size ?? 0 }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  private async page(prefix: string, token: string | undefined) {
    try {
      return await this.client.send(
        new ListObjectsV2Command({
          Bucket: this.bucket,
          Prefix: this.prefix + prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      )
    } catch (error) {
      throw failed(`${this.where} cannot be listed`, error)
    }
  }

  async tidy(): Promise<void> {
    // A PUT that did not end has left nothing.
  }

  async close(): Promise<void> {
    this.client.destroy()
  }

  private place(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key }
  }
}

async function gather(content: ObjectContent): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of content.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

function failed(what: string, error: unknown): StoreError {
  const name = nameOf(error)
  const reason = name === '' || name === 'Error' ? messageOf(error) : `${name}: ${messageOf(error)}`
  return new StoreError('STORE_FAILED', `${what}: ${reason}`, error)
}

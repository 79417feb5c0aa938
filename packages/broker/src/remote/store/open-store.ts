/** The store an archive's URL means. What S3 needs is loaded only when it is one. */
import { fileURLToPath } from 'node:url'
import { ConfigError, type Random } from '@ottla/base'
import type { FileSystem } from '@ottla/storage'
import { DirectoryStore } from './directory-store.ts'
import type { RemoteStore } from './remote-store.ts'

export interface S3Settings {
  /** null is Amazon's for the region. */
  readonly endpoint: string | null
  readonly region: string
  readonly isPathStyle: boolean
  /** null takes credentials from where the AWS tools do. */
  readonly accessKeyId: string | null
  readonly secretAccessKey: string | null
  readonly requestTimeoutMs: number
}

export interface StoreOptions {
  readonly fileSystem: FileSystem
  readonly random: Random
  readonly s3: S3Settings
}

export async function openStore(url: string, options: StoreOptions): Promise<RemoteStore> {
  const parsed = parseUrl(url)
  if (parsed.protocol === 'file:') {
    const { fileSystem, random } = options
    const path = fileURLToPath(parsed).replace(/(.)\/+$/, '$1')
    return DirectoryStore.open(fileSystem, path, random)
  }
  if (parsed.protocol === 's3:' && parsed.hostname !== '') {
    const { S3Store } = await import('./s3-store.ts')
    return S3Store.open({ bucket: parsed.hostname, prefix: parsed.pathname.slice(1) }, options.s3)
  }
  throw unusable(url)
}

function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch {
    throw unusable(url)
  }
}

const unusable = (url: string): ConfigError =>
  new ConfigError(
    'archive.url',
    url,
    `Invalid value ${url} for configuration archive.url: it must be file:///path or s3://bucket/prefix`,
  )

/**
 * Which version of an API to send to a broker: the newest both sides know.
 *
 * A broker that does not know our version of ApiVersions answers in version 0 with
 * UNSUPPORTED_VERSION and, since Kafka 2.4, with its own range; older ones close the connection
 * only for versions of other APIs, so version 0 is the safe second try.
 */
import { type Api, apis, decodeResponse, errorCode, errorName } from '@ottla/protocol'
import type { ClientConnection } from './connection.ts'
import { UnsupportedVersionError } from './connection-errors.ts'

/** What ApiVersions is asked in first. Version 4 and 5 bring nothing a client needs. */
const FIRST_VERSION = 3
const SOFTWARE_NAME = 'ottla'

interface VersionRange {
  readonly min: number
  readonly max: number
}

export class ApiVersions {
  private readonly ranges: ReadonlyMap<number, VersionRange>
  private readonly broker: string
  private readonly features: ReadonlyMap<string, number>

  constructor(
    broker: string,
    ranges: ReadonlyMap<number, VersionRange>,
    features: ReadonlyMap<string, number> = new Map(),
  ) {
    this.broker = broker
    this.ranges = ranges
    this.features = features
  }

  /** Finalized level of a feature of the cluster (KIP-584), such as `transaction.version`; or 0. */
  featureLevel(name: string): number {
    return this.features.get(name) ?? 0
  }

  /** Newest version both sides know, at most `versionMax`; undefined when there is none. */
  tryPick(api: AnyApi, versionMax = api.highest): number | undefined {
    const range = this.ranges.get(api.key)
    if (!range) return undefined
    const version = Math.min(range.max, api.highest, versionMax)
    return version >= Math.max(range.min, api.lowest) ? version : undefined
  }

  pick(api: AnyApi, versionMax = api.highest): number {
    const version = this.tryPick(api, versionMax)
    if (version !== undefined) return version
    const range = this.ranges.get(api.key)
    const detail = range
      ? `it speaks versions ${range.min} to ${range.max}, this client ${api.lowest} to ${versionMax}`
      : 'it does not have this API'
    throw new UnsupportedVersionError(api.name, this.broker, detail)
  }
}

/** What is needed of an API to choose a version. */
export type AnyApi = Pick<Api, 'key' | 'name' | 'lowest' | 'highest'>

/** Asks a broker which versions it speaks. */
export async function negotiateVersions(
  connection: ClientConnection,
  options: { readonly timeoutMs: number; readonly softwareVersion: string },
): Promise<ApiVersions> {
  const body = {
    clientSoftwareName: SOFTWARE_NAME,
    clientSoftwareVersion: options.softwareVersion,
  }
  const timeout = { timeoutMs: options.timeoutMs }
  const frame = (await connection.exchange(
    apis.apiVersions,
    FIRST_VERSION,
    body,
    timeout,
  )) as Buffer
  const isRefused = frame.readInt16BE(4) === errorCode('UNSUPPORTED_VERSION')
  const response = isRefused
    ? await connection.request(apis.apiVersions, 0, body, timeout)
    : decodeResponse(apis.apiVersions, FIRST_VERSION, frame)
  if (response.errorCode !== 0) {
    const name = errorName(response.errorCode)
    throw new UnsupportedVersionError('ApiVersions', connection.broker, name)
  }
  const ranges = new Map<number, VersionRange>()
  for (const { apiKey, minVersion, maxVersion } of response.apiKeys) {
    ranges.set(apiKey, { min: minVersion, max: maxVersion })
  }
  const features = new Map<string, number>()
  for (const { name, maxVersionLevel } of response.finalizedFeatures) {
    features.set(name, maxVersionLevel)
  }
  return new ApiVersions(connection.broker, ranges, features)
}

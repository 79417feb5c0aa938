/** Features of Apache Kafka 4.4, and the levels a fresh directory starts with. */
import { ConfigError } from '@ottla/base'

export interface Feature {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /** Levels a fresh directory starts with, each from a metadata.version on; below the first 0. */
  readonly initial: readonly InitialLevel[]
}

interface InitialLevel {
  readonly since: number
  readonly level: number
}

export const METADATA_VERSION = 'metadata.version'
export const METADATA_VERSION_4_4_IV2 = 33

export const supportedFeatures: readonly Feature[] = [
  { name: METADATA_VERSION, minVersion: 7, maxVersion: METADATA_VERSION_4_4_IV2, initial: [] },
  { name: 'kraft.version', minVersion: 0, maxVersion: 1, initial: [] },
  {
    name: 'transaction.version',
    minVersion: 0,
    maxVersion: 2,
    initial: [{ since: 24, level: 2 }],
  },
  { name: 'group.version', minVersion: 0, maxVersion: 1, initial: [{ since: 22, level: 1 }] },
  {
    name: 'share.version',
    minVersion: 0,
    maxVersion: 2,
    initial: [
      { since: 28, level: 1 },
      { since: 31, level: 2 },
    ],
  },
  { name: 'streams.version', minVersion: 0, maxVersion: 1, initial: [{ since: 29, level: 1 }] },
  {
    name: 'eligible.leader.replicas.version',
    minVersion: 0,
    maxVersion: 1,
    initial: [{ since: 26, level: 1 }],
  },
]

/** A release of Apache Kafka and the highest levels it knows. */
export interface Release {
  readonly name: string
  readonly levels: Readonly<Record<string, number>>
}

const levels = (metadataVersion: number, share: number, streams: number) => ({
  [METADATA_VERSION]: metadataVersion,
  'kraft.version': 1,
  'transaction.version': 2,
  'group.version': 1,
  'share.version': share,
  'streams.version': streams,
  'eligible.leader.replicas.version': 1,
})

/** Releases that can open a directory of ottla's, oldest first. */
export const releases: readonly Release[] = [
  { name: '4.0', levels: levels(25, 0, 0) },
  { name: '4.1', levels: levels(27, 1, 1) },
  { name: '4.2', levels: levels(29, 1, 1) },
  { name: '4.3', levels: levels(30, 1, 1) },
  { name: '4.4', levels: levels(METADATA_VERSION_4_4_IV2, 2, 1) },
]

/** Levels of a fresh directory for a release, those that are 0 left out. */
export function initialLevels(release: string): ReadonlyMap<string, number> {
  const found = releases.find(({ name }) => name === release)
  if (!found) {
    const known = releases.map(({ name }) => name).join(', ')
    throw new ConfigError('release.version', release, `release.version is one of ${known}`)
  }
  const metadataVersion = found.levels[METADATA_VERSION] as number
  const result = new Map([[METADATA_VERSION, metadataVersion]])
  for (const { name, initial } of supportedFeatures) {
    const level = initial.findLast(({ since }) => metadataVersion >= since)?.level ?? 0
    if (level > 0) result.set(name, level)
  }
  return result
}

/** Why a release cannot open a directory with these levels, or undefined when it can. */
export function releaseFault(
  release: Release,
  finalized: ReadonlyMap<string, number>,
): string | undefined {
  for (const [name, level] of finalized) {
    const highest = release.levels[name] ?? 0
    if (level > highest) return `${name} ${level} is above its ${highest}`
  }
  return undefined
}

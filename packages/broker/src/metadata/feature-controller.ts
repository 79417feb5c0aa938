/**
 * Decides about levels of features. Pure.
 *
 * A level says which formats and APIs the node uses, so that it can be lowered before an older
 * version takes over. All updates of a request are made or none. `kraft.version` is not raised:
 * it would put voters with the endpoints of a controller listener into the log, and there is none.
 */
import type { Infer, UpdateFeaturesRequest } from '@ottla/protocol'
import { supportedFeatures } from '../features.ts'
import type { MetadataImage } from './metadata-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'
import { Refusal } from './topic-controller.ts'

type FeatureUpdate = Infer<typeof UpdateFeaturesRequest>['featureUpdates'][number]

const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const
/** Levels of metadata.version whose records older levels cannot read. */
const METADATA_CHANGED = new Set([7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33])
const ELR = 'eligible.leader.replicas.version'
const MIN_INSYNC = 'min.insync.replicas'
const BROKER = 4

/** What the decision needs beside the image. */
export interface FeatureContext {
  readonly nodeId: number
  /** min.insync.replicas of the settings the broker was started with. */
  readonly minInsyncReplicas: number
}

/** Records of an UpdateFeatures; throws a Refusal with the first reason against it. */
export function updateFeatures(
  image: MetadataImage,
  context: FeatureContext,
  updates: readonly FeatureUpdate[],
): MetadataRecord[] {
  const last = new Map(updates.map((update) => [update.feature, update]))
  const records = [...last.values()].flatMap((update) => updateFeature(image, context, update))
  const isSafetyNeeded = (last.get(ELR)?.maxVersionLevel ?? 0) > 0
  return isSafetyNeeded ? [...elrSafety(image, context), ...records] : records
}

const refusal = (message: string) => new Refusal('INVALID_UPDATE_VERSION', message)

function updateFeature(
  image: MetadataImage,
  { nodeId }: FeatureContext,
  { feature, maxVersionLevel: level, upgradeType }: FeatureUpdate,
): MetadataRecord[] {
  const refuse = (message: string): never => {
    throw refusal(`Invalid update version ${level} for feature ${feature}. ${message}`)
  }
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) {
    refuse('The controller does not support the given upgrade type.')
  }
  if (level < 0) refuse('A feature version cannot be less than 0.')
  const known = supportedFeatures.find(({ name }) => name === feature)
  if (!known && level > 0) refuse(`Local controller ${nodeId} does not support this feature.`)
  if (!known) return refuse(`Feature ${feature} not found.`)
  if (level < known.minVersion || level > known.maxVersion) {
    const range = `${known.minVersion}-${known.maxVersion}`
    refuse(`Local controller ${nodeId} only supports versions ${range}`)
  }
  const current = image.level(feature)
  if (level < current && upgradeType === UpgradeType.UPGRADE) {
    refuse(
      "Can't downgrade the version of this feature without setting the upgrade type to either " +
        'safe or unsafe downgrade.',
    )
  }
  if (level > current && upgradeType !== UpgradeType.UPGRADE) {
    refuse("Can't downgrade to a newer version.")
  }
  if (feature === 'metadata.version') checkMetadataVersion(current, level, upgradeType)
  if (feature === 'kraft.version') {
    if (level !== current) refuse('A node without a controller listener keeps its voters static.')
    return []
  }
  return [metadataRecord('FeatureLevelRecord', { name: feature, featureLevel: level })]
}

function checkMetadataVersion(current: number, level: number, upgradeType: number): void {
  let unchanged = current
  while (unchanged > level && !METADATA_CHANGED.has(unchanged)) unchanged--
  if (unchanged <= level) return
  const reason =
    upgradeType === UpgradeType.UNSAFE_DOWNGRADE
      ? 'Unsafe metadata downgrade is not supported in this version.'
      : 'Refusing to perform the requested downgrade because it might delete metadata information.'
  throw refusal(`Unsupported metadata.version downgrade from ${current} to ${level}. ${reason}`)
}

/** With eligible leader replicas the minimum in sync must be in the log, for all brokers alike. */
function elrSafety(image: MetadataImage, context: FeatureContext): MetadataRecord[] {
  const config = (resourceName: string, value: string | null) =>
    metadataRecord('ConfigRecord', { resourceType: BROKER, resourceName, name: MIN_INSYNC, value })
  const records: MetadataRecord[] = []
  if (!image.config(BROKER, '')?.has(MIN_INSYNC)) {
    records.push(config('', String(context.minInsyncReplicas)))
  }
  for (const broker of image.configuredResources(BROKER)) {
    if (broker === '' || !image.config(BROKER, broker)?.has(MIN_INSYNC)) continue
    records.push(config(broker, null))
  }
  return records
}

export { Broker, type BrokerOptions } from './broker.ts'
export { BrokerConfig, type ListenerAddress, parseProperties } from './config/broker-config.ts'
export {
  type BrokerSettingName,
  type BrokerSettings,
  brokerSettings,
} from './config/broker-settings.ts'
export { groupConfigSettings } from './config/group-config-settings.ts'
export { topicSettings } from './config/topic-settings.ts'
export { METADATA_VERSION, type Release, releaseFault, releases } from './features.ts'
export { handlers } from './handlers/handlers.ts'
export type { MetadataImage, TopicImage } from './metadata/metadata-image.ts'
export { type OfflineMetadata, readMetadata } from './metadata/read-metadata.ts'
export { METRICS } from './metrics.ts'
export {
  type ArchiveCheck,
  type ArchiveFinding,
  checkArchive,
  deleteOrphans,
  isLoss,
  listObjects,
} from './remote/archive-check.ts'
export { decodeRemoteLogRecord } from './remote/remote-log-records.ts'
export { RemoteSegments } from './remote/remote-segments.ts'
export { openStore, type S3Settings, type StoreOptions } from './remote/store/open-store.ts'

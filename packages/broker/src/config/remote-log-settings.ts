import { bool, defineConfig, double, int, long, nullableText, text } from '@ottla/base'

/** Tiered storage (KIP-405). */
export const remoteLogSettings = defineConfig({
  'remote.fetch.max.wait.ms': int({
    default: 500,
    min: 1,
    dynamic: 'cluster-wide',
    doc: 'Milliseconds a fetch waits for data from remote storage.',
  }),
  'remote.list.offsets.request.timeout.ms': long({
    default: 30000,
    min: 1,
    dynamic: 'cluster-wide',
    doc: 'Milliseconds ListOffsets waits for an answer from remote storage.',
  }),
  'remote.log.index.file.cache.total.size.bytes': long({
    default: 1073741824,
    min: 1,
    dynamic: 'cluster-wide',
    importance: 'low',
    noEffect: 'later',
    doc: 'Bytes of remote index files kept on local disk.',
  }),
  'remote.log.index.file.cache.ttl.ms': long({
    default: 900000,
    min: -1,
    importance: 'low',
    internal: true,
    noEffect: 'later',
    doc: 'Milliseconds after which an unused remote index file is dropped; -1 never.',
  }),
  'remote.log.manager.copier.thread.pool.size': int({
    default: 10,
    min: 1,
    dynamic: 'cluster-wide',
    doc: 'Partitions whose segments are copied to the archive at a time.',
  }),
  'remote.log.manager.copy.max.bytes.per.second': long({
    default: 2 ** 63,
    min: 1,
    dynamic: 'cluster-wide',
    doc: 'Most bytes a second copied to remote storage.',
  }),
  'remote.log.manager.copy.quota.window.num': int({
    default: 11,
    min: 1,
    doc: 'Samples kept to measure the rate of copying to remote storage.',
  }),
  'remote.log.manager.copy.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    doc: 'Seconds each sample of the remote copy rate spans.',
  }),
  'remote.log.manager.expiration.thread.pool.size': int({
    default: 10,
    min: 1,
    dynamic: 'cluster-wide',
    noEffect: 'threads',
    doc: 'Threads that delete expired segments from remote storage.',
  }),
  'remote.log.manager.fetch.max.bytes.per.second': long({
    default: 2 ** 63,
    min: 1,
    dynamic: 'cluster-wide',
    doc: 'Most bytes a second fetched from remote storage.',
  }),
  'remote.log.manager.fetch.quota.window.num': int({
    default: 11,
    min: 1,
    doc: 'Samples kept to measure the rate of fetching from remote storage.',
  }),
  'remote.log.manager.fetch.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    doc: 'Seconds each sample of the remote fetch rate spans.',
  }),
  'remote.log.manager.follower.thread.pool.size': int({
    default: 2,
    min: 1,
    dynamic: 'cluster-wide',
    noEffect: 'threads',
    doc: 'Threads that follow remote storage for partitions led elsewhere.',
  }),
  'remote.log.manager.task.interval.ms': long({
    default: 30000,
    min: 1,
    importance: 'low',
    doc: 'Milliseconds between two rounds of copying and deleting in remote storage.',
  }),
  'remote.log.manager.task.retry.backoff.max.ms': long({
    default: 30000,
    min: 1,
    importance: 'low',
    internal: true,
    doc: 'Longest wait in milliseconds before a failed remote task is tried again.',
  }),
  'remote.log.manager.task.retry.backoff.ms': long({
    default: 500,
    min: 1,
    importance: 'low',
    internal: true,
    doc: 'First wait in milliseconds before a failed remote task is tried again.',
  }),
  'remote.log.manager.task.retry.jitter': double({
    default: 0.2,
    min: 0,
    max: 0.5,
    importance: 'low',
    internal: true,
    doc: 'Random share added to or taken from the wait before a remote task is tried again.',
  }),
  'remote.log.manager.thread.pool.size': int({
    default: 2,
    min: 1,
    noEffect: 'threads',
    doc: 'Threads for all work on remote storage that has no pool of its own.',
  }),
  'remote.log.metadata.custom.metadata.max.bytes': int({
    default: 128,
    min: 0,
    importance: 'low',
    noEffect: 'java',
    doc: 'Most bytes of its own metadata a remote storage plugin may keep per segment.',
  }),
  'remote.log.metadata.manager.class.name': text({
    default:
      'org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager',
    noEffect: 'java',
    doc: 'Java class that keeps the list of remote segments.',
  }),
  'remote.log.metadata.manager.class.path': nullableText({
    default: null,
    noEffect: 'java',
    doc: 'Where the class that keeps the list of remote segments is loaded from.',
  }),
  'remote.log.metadata.manager.impl.prefix': text({
    default: 'rlmm.config.',
    noEffect: 'java',
    doc: 'How the settings meant for the remote metadata class begin.',
  }),
  'remote.log.metadata.manager.listener.name': nullableText({
    default: null,
    noEffect: 'java',
    doc: 'Listener that the remote metadata class connects to.',
  }),
  'remote.log.reader.max.pending.tasks': int({
    default: 100,
    min: 1,
    doc: 'Reads from remote storage that may wait; further ones are refused.',
  }),
  'remote.log.reader.threads': int({
    default: 10,
    min: 1,
    dynamic: 'cluster-wide',
    doc: 'Reads of the archive that are under way at a time.',
  }),
  'remote.log.storage.manager.class.name': nullableText({
    default: null,
    noEffect: 'java',
    doc: 'Java class that talks to the remote storage.',
  }),
  'remote.log.storage.manager.class.path': nullableText({
    default: null,
    noEffect: 'java',
    doc: 'Where the class that talks to the remote storage is loaded from.',
  }),
  'remote.log.storage.manager.impl.prefix': text({
    default: 'rsm.config.',
    noEffect: 'java',
    doc: 'How the settings meant for the remote storage class begin.',
  }),
  'remote.log.storage.system.enable': bool({
    default: false,
    doc: 'Whether topics may be tiered. Where their archive lies is said by archive.url.',
  }),
})

/** Settings with which ottla and Apache Kafka keep closed segments elsewhere, both at once. */
import { ensureLocalTieredStorage } from '../support/apache-jars.ts'

/** Both do their rounds quickly, and both know the same partition of the metadata topic. */
export const TIERED_STORAGE = {
  'remote.log.storage.system.enable': 'true',
  'rlmm.config.remote.log.metadata.topic.num.partitions': '3',
  'remote.log.manager.task.interval.ms': '200',
  'log.retention.check.interval.ms': '200',
  'log.initial.task.delay.ms': '200',
}

/** Apache Kafka's own storage for its tests, in a directory. */
export const apacheTieredStorage = async (archive: string) => ({
  ...TIERED_STORAGE,
  'remote.log.storage.manager.class.name':
    'org.apache.kafka.server.log.remote.storage.LocalTieredStorage',
  'remote.log.storage.manager.class.path': await ensureLocalTieredStorage(),
  'remote.log.metadata.manager.listener.name': 'PLAINTEXT',
  'rlmm.config.remote.log.metadata.topic.replication.factor': '1',
  'rlmm.config.remote.log.metadata.topic.min.isr': '1',
  'rsm.config.dir': archive,
})

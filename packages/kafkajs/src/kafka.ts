/** The root object. Its methods are on the prototype, where instrumentations look for them. */
import { createAdmin } from './admin/admin.ts'
import { KafkaCluster } from './cluster/kafka-cluster.ts'
import { createConsumer } from './consumer/consumer.ts'
import { InstrumentationEmitter } from './observe/emitter.ts'
import { consoleLogCreator, createLogger } from './observe/logger.ts'
import { createProducer } from './producer/producer.ts'
import { resolveRetry } from './retry.ts'
import { SharedConsumers } from './shared-consumers.ts'
import type { Admin } from './types/admin.ts'
import type {
  AdminConfig,
  ConsumerConfig,
  KafkaConfig,
  ProducerConfig,
  RetryOptions,
} from './types/config.ts'
import type { Consumer } from './types/consumer.ts'
import type { Logger } from './types/logging.ts'
import type { Producer } from './types/producer.ts'

interface RoleOptions {
  readonly role: string
  readonly retry: RetryOptions | undefined
  readonly metadataMaxAge?: number | undefined
  readonly allowAutoTopicCreation?: boolean | undefined
}

interface Parts {
  readonly config: KafkaConfig
  readonly logger: Logger
  readonly consumers: SharedConsumers
}

/** Beside the objects, since whatever has the methods of one passes for it in kafkajs's types. */
const partsOf = new WeakMap<Kafka, Parts>()

export class Kafka {
  constructor(config: KafkaConfig) {
    const { logLevel, logCreator = consoleLogCreator } = config
    const level = logLevel === undefined ? {} : { level: logLevel }
    const logger = createLogger({ ...level, logCreator })
    partsOf.set(this, { config, logger, consumers: new SharedConsumers() })
  }

  producer(config: ProducerConfig = {}): Producer {
    const own = partsOf.get(this) as Parts
    const { metadataMaxAge, allowAutoTopicCreation, idempotent } = config
    const unlimited = idempotent ? { retries: Number.MAX_SAFE_INTEGER } : {}
    const retry = { ...unlimited, ...own.config.retry, ...config.retry }
    const role = { role: 'producer', retry, metadataMaxAge, allowAutoTopicCreation }
    const parts = clusterParts(own, role)
    if (!config.createPartitioner) warnOfPartitioner(own.logger)
    return createProducer(config, { ...parts, consumers: own.consumers })
  }

  consumer(config: ConsumerConfig): Consumer {
    const own = partsOf.get(this) as Parts
    const { metadataMaxAge, allowAutoTopicCreation } = config ?? {}
    const retry = { ...own.config.retry, ...(config?.retry ?? { retries: 5 }) }
    const role = { role: 'consumer', retry, metadataMaxAge, allowAutoTopicCreation }
    const parts = clusterParts(own, role)
    return createConsumer({ ...config, retry }, { ...parts, consumers: own.consumers })
  }

  admin({ retry }: AdminConfig = {}): Admin {
    const role = { role: 'admin', retry, allowAutoTopicCreation: false }
    return createAdmin(clusterParts(partsOf.get(this) as Parts, role))
  }

  logger(): Logger {
    return (partsOf.get(this) as Parts).logger
  }
}

function clusterParts({ config, logger }: Parts, options: RoleOptions) {
  const { role, retry, metadataMaxAge, allowAutoTopicCreation } = options
  const emitter = new InstrumentationEmitter()
  const cluster = new KafkaCluster({
    ...{ config, logger, emitter, role, metadataMaxAge, allowAutoTopicCreation },
    retry: resolveRetry(config.retry, retry),
  })
  return { cluster, logger, emitter }
}

let hasWarned = false

/** Who comes from kafkajs 1 finds other partitions for the same keys. Said once. */
function warnOfPartitioner(logger: Logger): void {
  if (hasWarned || process.env['KAFKAJS_NO_PARTITIONER_WARNING'] !== undefined) return
  hasWarned = true
  logger.warn(
    'KafkaJS v2.0.0 switched default partitioner. To retain the same partitioning behavior as in ' +
      'previous versions, create the producer with the option "createPartitioner: ' +
      'Partitioners.LegacyPartitioner". Silence this warning by setting the environment variable ' +
      '"KAFKAJS_NO_PARTITIONER_WARNING=1"',
  )
}

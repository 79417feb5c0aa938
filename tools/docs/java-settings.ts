/**
 * What stands here for the settings of Apache's Java producer and consumer: an option, or why there
 * is none. test/compatibility/client/java-settings.test.ts compares the names and the defaults with
 * Apache's classes.
 */
import type {
  ConsumerOptions,
  KafkaOptions,
  ProducerOptions,
  ShareConsumerOptions,
} from '@ottla/client'

/** Of which of Java's classes a setting is. */
export type JavaClient = 'producer' | 'consumer' | 'both'

export interface JavaSetting {
  readonly names: readonly string[]
  readonly of: JavaClient
  /** Options that take its place, by what they belong to. */
  readonly kafka?: keyof KafkaOptions
  readonly producer?: keyof ProducerOptions
  readonly consumer?: keyof ConsumerOptions
  readonly share?: keyof ShareConsumerOptions
  /** What else takes its place, or what differs. */
  readonly how?: string
  /** Why there is nothing like it. */
  readonly because?: string
}

const producer = (name: string, option: keyof ProducerOptions, how?: string): JavaSetting => ({
  names: [name],
  of: 'producer',
  producer: option,
  ...(how && { how }),
})

const consumer = (
  name: string,
  option: keyof ConsumerOptions & keyof ShareConsumerOptions,
  how?: string,
): JavaSetting => ({
  ...{ names: [name], of: 'consumer', consumer: option, share: option },
  ...(how && { how }),
})

const member = (name: string, option: keyof ConsumerOptions, how?: string): JavaSetting => ({
  ...{ names: [name], of: 'consumer', consumer: option },
  ...(how && { how }),
})

const everyone = (name: string, option: keyof KafkaOptions, how?: string): JavaSetting => ({
  ...{ names: [name], of: 'both', kafka: option },
  ...(how && { how }),
})

const none = (of: JavaClient, because: string, ...names: readonly string[]): JavaSetting => ({
  ...{ names, of, because },
})

export const JAVA_SETTINGS: readonly JavaSetting[] = [
  everyone('bootstrap.servers', 'brokers'),
  everyone('client.id', 'clientId', '`ottla` when left out'),
  { ...everyone('default.api.timeout.ms', 'apiTimeoutMs', 'of admin calls too'), of: 'consumer' },
  everyone('enable.metrics.push', 'metricsPush'),
  everyone('metadata.max.age.ms', 'metadataMaxAgeMs'),
  everyone('reconnect.backoff.ms', 'reconnectBackoffMs'),
  everyone('reconnect.backoff.max.ms', 'reconnectBackoffMaxMs'),
  everyone('retry.backoff.ms', 'retryBackoffMs'),
  everyone('retry.backoff.max.ms', 'retryBackoffMaxMs'),
  everyone('socket.connection.setup.timeout.ms', 'connectTimeoutMs', 'does not grow'),
  everyone('security.protocol', 'tls', 'with `sasl` for `SASL_SSL` and `SASL_PLAINTEXT`'),
  { ...everyone('request.timeout.ms', 'requestTimeoutMs'), ...requestTimeout() },
  { ...everyone('allow.auto.create.topics', 'allowAutoTopicCreation'), of: 'consumer' },
  {
    ...{ names: ['metric.reporters'], of: 'both' },
    how: '`kafka.metrics()`, and `prometheusText` makes a page of them',
  },
  {
    ...{ names: ['interceptor.classes'], of: 'both' },
    how: '`ottla:producer:send` and the other channels of `node:diagnostics_channel`',
  },
  ...secure('sasl', '`mechanism`', 'sasl.mechanism'),
  ...secure('sasl', '`username` and `password`, or `token`', 'sasl.jaas.config'),
  ...secure(
    'sasl',
    'an `exchange` of your own for other mechanisms; secrets and tokens may be functions',
    ...['sasl.client.callback.handler.class', 'sasl.login.callback.handler.class'],
    ...['sasl.login.class', 'sasl.oauthbearer.jwt.retriever.class'],
  ),
  ...secure('sasl', '`oidc({ tokenEndpoint })`', 'sasl.oauthbearer.token.endpoint.url'),
  ...secure('sasl', '`oidc({ scope })`', 'sasl.oauthbearer.scope'),
  ...secure(
    'sasl',
    '`oidc({ clientId, clientSecret })`',
    ...['client.id', 'client.secret'].map((name) => `sasl.oauthbearer.client.credentials.${name}`),
  ),
  ...secure(
    'sasl',
    '`oidc({ timeoutMs })`',
    ...['sasl.login.connect.timeout.ms', 'sasl.login.read.timeout.ms'],
  ),
  ...secure(
    'tls',
    '`cert` and `key`, or `pfx`, with `passphrase`',
    ...['certificate.chain', 'key', 'location', 'password', 'type'].map(
      (name) => `ssl.keystore.${name}`,
    ),
    'ssl.key.password',
  ),
  ...secure(
    'tls',
    '`ca`; Node takes no JKS, PEM does',
    ...['certificates', 'location', 'password', 'type'].map((name) => `ssl.truststore.${name}`),
  ),
  ...secure('tls', '`ciphers`', 'ssl.cipher.suites'),
  ...secure('tls', '`minVersion`, `maxVersion`', 'ssl.enabled.protocols', 'ssl.protocol'),
  ...secure('tls', '`checkServerIdentity`', 'ssl.endpoint.identification.algorithm'),
  ...secure('tls', '`secureContext`', 'ssl.engine.factory.class'),

  producer('acks', 'acks'),
  producer('batch.size', 'batchSize', 'batches grow beyond it while all requests are on their way'),
  producer('buffer.memory', 'bufferMemory'),
  producer('client.rack', 'rack'),
  producer('compression.type', 'compression', 'or of a single `send`'),
  producer('compression.gzip.level', 'compressionLevel'),
  producer('compression.zstd.level', 'compressionLevel'),
  producer('delivery.timeout.ms', 'deliveryTimeoutMs'),
  producer('enable.idempotence', 'idempotence'),
  producer('linger.ms', 'linger'),
  producer('max.block.ms', 'maxBlockMs'),
  producer('max.in.flight.requests.per.connection', 'maxInFlight'),
  producer('max.request.size', 'maxRequestSize'),
  producer('partitioner.adaptive.partitioning.enable', 'adaptivePartitioning'),
  producer('partitioner.availability.timeout.ms', 'availabilityTimeoutMs'),
  producer('partitioner.class', 'partitioner'),
  producer('partitioner.ignore.keys', 'ignoreKeys'),
  producer('partitioner.rack.aware', 'rack', 'on as soon as there is a `rack`'),
  producer('transaction.timeout.ms', 'transactionTimeoutMs'),
  producer('transactional.id', 'transactionalId'),
  {
    ...{ names: ['key.serializer', 'value.serializer'], of: 'producer' },
    how: '`defineTopic(name, { key, value })`',
  },

  consumer('check.crcs', 'checkCrcs'),
  consumer('client.rack', 'rack'),
  consumer('fetch.max.bytes', 'fetchMaxBytes'),
  consumer('fetch.max.wait.ms', 'fetchMaxWaitMs'),
  consumer('fetch.min.bytes', 'fetchMinBytes'),
  consumer('group.id', 'group'),
  consumer('max.poll.interval.ms', 'maxPollIntervalMs'),
  member('auto.commit.interval.ms', 'autoCommitIntervalMs'),
  member(
    'auto.offset.reset',
    'from',
    'a Date or milliseconds for a time, `() => new Date(Date.now() - 3600_000)` for ' +
      '`by_duration:PT1H`',
  ),
  member('enable.auto.commit', 'autoCommit', 'commits only what has been processed'),
  member('group.instance.id', 'groupInstanceId'),
  member('group.protocol', 'groupProtocol'),
  member('group.remote.assignor', 'serverAssignor'),
  member('heartbeat.interval.ms', 'heartbeatIntervalMs'),
  member(
    'isolation.level',
    'isolationLevel',
    "of a share group: the group's `share.isolation.level`",
  ),
  member('max.partition.fetch.bytes', 'maxPartitionFetchBytes'),
  { ...member('max.poll.records', 'maxPollRecords', 'whole batches'), share: 'maxRecords' },
  member('partition.assignment.strategy', 'assignors'),
  member('session.timeout.ms', 'sessionTimeoutMs'),
  { names: ['share.acknowledgement.mode'], of: 'consumer', share: 'acknowledgement' },
  { names: ['share.acquire.mode'], of: 'consumer', share: 'acquireMode' },
  {
    ...{ names: ['key.deserializer', 'value.deserializer'], of: 'consumer' },
    how: '`defineTopic(name, { key, value })`',
  },

  none('producer', 'what counts is the deadline, `deliveryTimeoutMs`', 'retries'),
  none('producer', 'the codec has one level', 'compression.lz4.level'),
  none('producer', 'a topic is kept fresh until its producer is closed', 'metadata.max.idle.ms'),
  none(
    'producer',
    'not offered: a transaction ends with its callback (KIP-939)',
    'transaction.two.phase.commit.enable',
  ),
  none(
    'consumer',
    'patterns never match internal topics; name them to read them',
    'exclude.internal.topics',
  ),
  none(
    'both',
    'connections open while they are used; brokers close idle ones and new ones are ' + 'opened',
    'connections.max.idle.ms',
  ),
  none(
    'both',
    'always so: the addresses of `brokers` are tried when no known broker answers (KIP-899)',
    ...['metadata.recovery.strategy', 'metadata.recovery.rebootstrap.trigger.ms'],
  ),
  none(
    'both',
    'not offered: brokers are not asked for the id of their cluster before they are used',
    'metadata.cluster.check.enable',
  ),
  none(
    'both',
    'names are looked up with each connection, and Node tries all addresses of one',
    ...['client.dns.lookup', 'bootstrap.resolve.timeout.ms'],
  ),
  none('both', 'the operating system adapts them', 'receive.buffer.bytes', 'send.buffer.bytes'),
  none(
    'both',
    'the pause between attempts grows instead',
    'socket.connection.setup.timeout.max.ms',
  ),
  none('both', 'options are values of the program', 'config.providers'),
  none(
    'both',
    'metrics are sums and need no windows',
    ...['metrics.num.samples', 'metrics.recording.level', 'metrics.sample.window.ms'],
  ),
  none(
    'both',
    'GSSAPI is not built in; `exchange` of `sasl` brings a mechanism of your own',
    ...['kinit.cmd', 'min.time.before.relogin', 'service.name'].map(kerberos),
    ...['ticket.renew.jitter', 'ticket.renew.window.factor'].map(kerberos),
  ),
  none(
    'both',
    'tokens are renewed when four fifths of their time are over',
    ...['buffer.seconds', 'min.period.seconds', 'window.factor', 'window.jitter'].map(
      (name) => `sasl.login.refresh.${name}`,
    ),
  ),
  none(
    'both',
    'a token is asked for again as the request that needs it is tried again',
    ...['sasl.login.retry.backoff.ms', 'sasl.login.retry.backoff.max.ms'],
  ),
  none(
    'both',
    'brokers verify tokens, the client passes them on',
    ...['allow.unverified.audience', 'allow.unverified.issuer', 'clock.skew.seconds'].map(oauth),
    ...['expected.audience', 'expected.issuer', 'jwks.endpoint.refresh.ms'].map(oauth),
    ...['jwks.endpoint.retry.backoff.max.ms', 'jwks.endpoint.retry.backoff.ms'].map(oauth),
    ...['jwks.endpoint.url', 'jwt.validator.class', 'scope.claim.name', 'sub.claim.name'].map(
      oauth,
    ),
  ),
  none(
    'both',
    'not built in: `token: () => ...` makes or exchanges assertions of your own',
    ...['algorithm', 'claim.aud', 'claim.exp.seconds', 'claim.iss', 'claim.jti.include'].map(
      assertion,
    ),
    ...['claim.nbf.seconds', 'claim.sub', 'file', 'private.key.file'].map(assertion),
    ...['private.key.passphrase', 'template.file'].map(assertion),
  ),
  none('both', '`oidc` always encodes what it sends (RFC 6749)', oauth('header.urlencode')),
  none(
    'both',
    "Java's own: Node's TLS is OpenSSL",
    ...['security.providers', 'ssl.keymanager.algorithm', 'ssl.provider'],
    ...['ssl.secure.random.implementation', 'ssl.trustmanager.algorithm'],
  ),
]

function requestTimeout(): Partial<JavaSetting> {
  const [producer, consumer] = ['requestTimeoutMs', 'requestTimeoutMs'] as const
  return { producer, consumer, share: consumer }
}

function secure(
  option: 'sasl' | 'tls',
  how: string,
  ...names: readonly string[]
): readonly JavaSetting[] {
  return [{ names, of: 'both', kafka: option, how }]
}

function kerberos(name: string): string {
  return `sasl.kerberos.${name}`
}

function oauth(name: string): string {
  return `sasl.oauthbearer.${name}`
}

function assertion(name: string): string {
  return `sasl.oauthbearer.assertion.${name}`
}

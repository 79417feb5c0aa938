/** Specs of modules that no application sees: their subject is not there. */
const PRIVATE: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^src\/protocol\/requests\//, 'encoders and decoders of requests'],
  [/^src\/protocol\//, 'the codec of messages and primitive types'],
  [/^src\/index\.spec/, 'which modules the root object calls with what'],
  [/^src\/network\//, 'connections and request queues'],
  [/^src\/broker\//, 'one request at a time, through the broker object'],
  [/^src\/cluster\//, 'the pool of brokers and its metadata'],
  [/^src\/(utils|retry|instrumentation)\//, 'helpers'],
  [/^src\/consumer\/(offsetManager\/|fetchManager|fetcher|worker)/, 'inner parts of the consumer'],
  [
    /^src\/consumer\/(subscriptionState|__tests__\/(batch|consumerGroup|filterAborted|runner))/,
    'inner parts of the consumer',
  ],
  [
    /^src\/producer\/(sendMessages|createTopicData|group|eosManager\/)/,
    'inner parts of the producer',
  ],
  [/^src\/producer\/partitioners\/.*\/(murmur2|randomBytes)/, 'inner parts of the partitioners'],
]

export const whyPrivate = (spec: string): string | undefined =>
  PRIVATE.find(([pattern]) => pattern.test(spec))?.[1]

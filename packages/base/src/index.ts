export { AssertionError, assert, unreachable } from './assert.ts'
export { BufferPool } from './buffer-pool.ts'
export { type Clock, delay, realClock, type Timer, VirtualClock } from './clock.ts'
export {
  bool,
  type ConfigRow,
  type ConfigTable,
  type ConfigType,
  type ConfigValues,
  className,
  defineConfig,
  double,
  formatConfig,
  int,
  list,
  long,
  type NoEffect,
  nearestName,
  nullableInt,
  nullableLong,
  nullableText,
  parseConfig,
  password,
  short,
  text,
} from './config.ts'
export { AbortError, ClosedError, ConfigError, codeOf, messageOf, OttlaError } from './errors.ts'
export {
  type ClientLogger,
  createLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  silentLogger,
} from './logger.ts'
export { murmur2, partitionOfKey } from './murmur2.ts'
export { type Random, realRandom, SeededRandom } from './random.ts'
export { isUuid, METADATA_TOPIC_ID, randomUuid, type Uuid, ZERO_UUID } from './uuid.ts'

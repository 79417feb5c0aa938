export {
  type ErrorName,
  errorCode,
  errorName,
  isRetriable,
  needsMetadataRefresh,
} from './error-codes.ts'
export * from './records/batch-header.ts'
export { type Crc32c, crc32c, crc32cPlain } from './records/crc32c.ts'

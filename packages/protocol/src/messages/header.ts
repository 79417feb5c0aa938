import { type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** RequestHeader, versions 1-2, flexible 2+. */
export const RequestHeader = message({
  name: 'RequestHeader',
  versions: '1-2',
  flexible: '2+',
  fields: {
    requestApiKey: int16('0+'),
    requestApiVersion: int16('0+'),
    correlationId: int32('0+'),
    clientId: string('1+', { nullable: '1+', flexible: 'none' }),
  },
})
export interface RequestHeader extends Infer<typeof RequestHeader> {}

/** ResponseHeader, versions 0-1, flexible 1+. */
export const ResponseHeader = message({
  name: 'ResponseHeader',
  versions: '0-1',
  flexible: '1+',
  fields: { correlationId: int32('0+') },
})
export interface ResponseHeader extends Infer<typeof ResponseHeader> {}

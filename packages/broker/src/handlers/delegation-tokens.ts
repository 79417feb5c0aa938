/**
 * CreateDelegationToken (key 38), versions 1-3, RenewDelegationToken (key 39), versions 1-2,
 * ExpireDelegationToken (key 40), versions 1-2, and DescribeDelegationToken (key 41), versions 1-3.
 *
 * Behaviour: a token stands for a user who has logged in. On a PLAINTEXT listener nobody has, and
 * every request is DELEGATION_TOKEN_REQUEST_NOT_ALLOWED.
 * Version notes: owner and requester are told from 3.
 */
import { apis, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'

const NOT_ALLOWED = errorCode('DELEGATION_TOKEN_REQUEST_NOT_ALLOWED')
/** Principal of a connection without authentication. */
const ANONYMOUS = { type: 'User', name: 'ANONYMOUS' }

export const createDelegationToken = handler(
  apis.createDelegationToken,
  { lowest: 1, highest: 3 },
  (_services, { apiVersion }, request) => {
    const isForAnother = request.ownerPrincipalName !== null && request.ownerPrincipalName !== ''
    return {
      errorCode: NOT_ALLOWED,
      principalType: isForAnother ? (request.ownerPrincipalType ?? '') : ANONYMOUS.type,
      principalName: isForAnother ? (request.ownerPrincipalName ?? '') : ANONYMOUS.name,
      tokenRequesterPrincipalType: apiVersion >= 3 ? ANONYMOUS.type : '',
      tokenRequesterPrincipalName: apiVersion >= 3 ? ANONYMOUS.name : '',
      issueTimestampMs: -1,
      expiryTimestampMs: -1,
      maxTimestampMs: -1,
      tokenId: '',
      hmac: Buffer.alloc(0),
      throttleTimeMs: 0,
    }
  },
)

export const renewDelegationToken = handler(
  apis.renewDelegationToken,
  { lowest: 1, highest: 2 },
  () => ({ errorCode: NOT_ALLOWED, expiryTimestampMs: -1, throttleTimeMs: 0 }),
)

export const expireDelegationToken = handler(
  apis.expireDelegationToken,
  { lowest: 1, highest: 2 },
  () => ({ errorCode: NOT_ALLOWED, expiryTimestampMs: -1, throttleTimeMs: 0 }),
)

export const describeDelegationToken = handler(
  apis.describeDelegationToken,
  { lowest: 1, highest: 3 },
  () => ({ errorCode: NOT_ALLOWED, tokens: [], throttleTimeMs: 0 }),
)

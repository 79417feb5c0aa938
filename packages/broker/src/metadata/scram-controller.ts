/**
 * Decides about SCRAM credentials. Pure; the keys are derived by a function that is passed in,
 * since that is cryptography.
 */
import {
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsResponse,
  type ErrorName,
  errorCode,
  type Infer,
  type InferInput,
} from '@ottla/protocol'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'
import type { ScramImage } from './scram-image.ts'
import type { Decision } from './topic-controller.ts'

type Request = Infer<typeof AlterUserScramCredentialsRequest>
type Deletion = Request['deletions'][number]
type Upsertion = Request['upsertions'][number]
type Answer = InferInput<typeof AlterUserScramCredentialsResponse>['results'][number]
type Fault = readonly [ErrorName, string | null]

/** Kafka's numbers of the mechanisms and the fewest iterations each accepts. */
export const SCRAM_MECHANISMS: ReadonlyMap<number, { hash: string; iterationsMin: number }> =
  new Map([
    [1, { hash: 'sha256', iterationsMin: 4096 }],
    [2, { hash: 'sha512', iterationsMin: 4096 }],
  ])
const ITERATIONS_MAX = 16_384

/** What verifies a password, without being it. */
export interface ScramKeys {
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

const TWICE: Fault = [
  'DUPLICATE_RESOURCE',
  'A user credential cannot be altered twice in the same request',
]

export function alterScram(
  scram: ScramImage,
  request: Request,
  keysOf: (mechanism: number, saltedPassword: Buffer) => ScramKeys,
): Decision<Answer[]> {
  const changes = new Map<string, MetadataRecord | Fault>()
  const add = (name: string, fault: Fault | undefined, record: () => MetadataRecord) => {
    const earlier = changes.get(name)
    if (Array.isArray(earlier)) return
    changes.set(name, earlier ? TWICE : (fault ?? record()))
  }
  for (const deletion of request.deletions) {
    const { name, mechanism } = deletion
    add(name, deletionFault(scram, deletion), () =>
      metadataRecord('RemoveUserScramCredentialRecord', { name, mechanism }),
    )
  }
  for (const upsertion of request.upsertions) {
    const { saltedPassword, ...credential } = upsertion
    add(upsertion.name, upsertionFault(upsertion), () =>
      metadataRecord('UserScramCredentialRecord', {
        ...credential,
        // The image keeps it, but not the memory of the request.
        salt: Buffer.from(upsertion.salt),
        ...keysOf(upsertion.mechanism, saltedPassword),
      }),
    )
  }
  const records: MetadataRecord[] = []
  const response = [...changes].map(([user, change]): Answer => {
    if (isFault(change)) {
      return { user, errorCode: errorCode(change[0]), errorMessage: change[1] }
    }
    records.push(change)
    return { user, errorCode: 0, errorMessage: null }
  })
  return { records, response }
}

const isFault = (change: MetadataRecord | Fault): change is Fault => Array.isArray(change)

function commonFault({ name, mechanism }: Deletion): Fault | undefined {
  if (name === '') return ['UNACCEPTABLE_CREDENTIAL', 'Username must not be empty']
  if (SCRAM_MECHANISMS.has(mechanism)) return undefined
  return ['UNSUPPORTED_SASL_MECHANISM', 'Unknown SCRAM mechanism']
}

function deletionFault(scram: ScramImage, deletion: Deletion): Fault | undefined {
  const fault = commonFault(deletion)
  if (fault || scram.get(deletion.name, deletion.mechanism)) return fault
  return ['RESOURCE_NOT_FOUND', 'Attempt to delete a user credential that does not exist']
}

function upsertionFault(upsertion: Upsertion): Fault | undefined {
  const fault = commonFault(upsertion)
  if (fault) return fault
  const { iterationsMin } = SCRAM_MECHANISMS.get(upsertion.mechanism) as { iterationsMin: number }
  if (upsertion.iterations < iterationsMin) return ['UNACCEPTABLE_CREDENTIAL', 'Too few iterations']
  if (upsertion.iterations > ITERATIONS_MAX) {
    return ['UNACCEPTABLE_CREDENTIAL', 'Too many iterations']
  }
  // No key can be derived from nothing.
  return upsertion.saltedPassword.length === 0 ? ['UNKNOWN_SERVER_ERROR', null] : undefined
}

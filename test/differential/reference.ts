/**
 * What each broker names in its own way: a request holds a reference, and every broker's own
 * memory (memory.ts) puts in its place what that broker said.
 */
import type { ScalarType } from '../../packages/protocol/src/schema/schema.ts'

/** Kinds of references by the type of the field they stand in; `part` is a whole part of a body. */
export const REFERENCE_TYPES = {
  topicId: 'uuid',
  shareKey: 'string',
  logDir: 'string',
  producerId: 'int64',
  producerEpoch: 'int16',
  memberId: 'string',
  memberEpoch: 'int32',
  sessionEpoch: 'int32',
  /** A batch of the producer of a transactional id, with the sequence number that is due. */
  batch: 'records',
  /** What a classic member reads, as it stands in JoinGroup. */
  subscription: 'bytes',
  /** Partitions that the member was given. */
  held: 'part',
  /** Tasks that the member was given. */
  tasks: 'part',
  /** What the leader of a classic group gives to all. */
  assignments: 'part',
  /** Acknowledgements of what the member has acquired. */
  acknowledgements: 'part',
} as const satisfies Readonly<Record<string, ScalarType | 'part'>>

export type ReferenceKind = keyof typeof REFERENCE_TYPES

export class Reference {
  readonly kind: ReferenceKind
  /** Of whom: a topic, a transactional id, a member, a directory's number. */
  readonly key: string
  readonly detail: Readonly<Record<string, unknown>>

  constructor(kind: ReferenceKind, key: string, detail: Readonly<Record<string, unknown>> = {}) {
    this.kind = kind
    this.key = key
    this.detail = detail
  }
}

/** What one live member was told by one broker, learned from the answers to its own requests. */
import {
  type Api,
  apis,
  ConsumerProtocolAssignment,
  decodePrefixed,
  errorName,
  MalformedMessageError,
} from '@ottla/protocol'

export interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

export interface Acquired {
  readonly topicId: string
  readonly partition: number
  readonly first: number
  readonly last: number
}

export interface ClassicAssigned {
  readonly topic: string
  readonly partitions: readonly number[]
}

type Body = Record<string, unknown>
type Told = Body & { errorCode: number }

/** Answers after which a member is none any more, and begins anew. */
const OUT = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'FENCED_INSTANCE_ID'])
const ACCEPT_TO_REJECT = new Set([0, 1, 2, 3])

export class MemberMemory {
  memberId = ''
  /** Member epoch or generation; 0 of who is no member. */
  epoch = 0
  protocolName = ''
  isLeader = false
  /** Members of the generation, as the leader was told. */
  members: readonly string[] = []
  held: readonly TopicPartitions[] = []
  owned: readonly ClassicAssigned[] = []
  tasks: readonly object[] = []
  sessionEpoch = 0
  acquired: readonly Acquired[] = []
  /** What a classic member has to do next. */
  due: 'join' | 'sync' | 'nothing' = 'join'

  get isMember(): boolean {
    return this.epoch > 0
  }

  learn(api: Api, sent: Body, answer: Told): void {
    const lesson = LESSONS.get(api.key)
    if (!lesson) return
    const error = errorName(answer.errorCode)
    if (OUT.has(error)) this.forget()
    lesson(this, { sent, answer, error })
  }

  forget(): void {
    this.epoch = 0
    this.due = 'join'
    this.held = []
    this.tasks = []
    this.owned = []
  }

  /** Leaves the epoch of a session, and of what was acquired, as the answer says. */
  session(sent: Body, isFine: boolean): void {
    const epoch = sent['shareSessionEpoch'] as number
    this.sessionEpoch = isFine && epoch >= 0 ? epoch + 1 : 0
    if (isFine && epoch < 0) this.acquired = []
  }
}

interface Heard {
  readonly sent: Body
  readonly answer: Told
  readonly error: string
}
type Lesson = (member: MemberMemory, heard: Heard) => void

const heartbeat: Lesson = (member, { answer, error }) => {
  if (error !== 'NONE') return
  const { memberId, memberEpoch, assignment } = answer as unknown as {
    memberId: string | null
    memberEpoch: number
    assignment: { topicPartitions: TopicPartitions[] } | null
  }
  if (memberEpoch <= 0) member.forget()
  member.memberId = memberId ?? member.memberId
  member.epoch = Math.max(0, memberEpoch)
  if (assignment) member.held = assignment.topicPartitions
}

const streamsHeartbeat: Lesson = (member, heard) => {
  heartbeat(member, heard)
  const tasks = heard.answer['activeTasks'] as object[] | null
  if (heard.error === 'NONE' && tasks) member.tasks = tasks
}

const join: Lesson = (member, { answer, error }) => {
  if (error === 'MEMBER_ID_REQUIRED') member.memberId = answer['memberId'] as string
  if (OUT.has(error)) member.memberId = ''
  if (error !== 'NONE') return
  member.memberId = answer['memberId'] as string
  member.epoch = answer['generationId'] as number
  member.protocolName = (answer['protocolName'] as string | null) ?? ''
  member.isLeader = answer['leader'] === member.memberId
  member.members = (answer['members'] as { memberId: string }[]).map(({ memberId }) => memberId)
  member.due = 'sync'
}

const sync: Lesson = (member, { answer, error }) => {
  if (OUT.has(error)) member.memberId = ''
  if (error === 'REBALANCE_IN_PROGRESS' || error === 'ILLEGAL_GENERATION') member.due = 'join'
  if (error !== 'NONE') return
  member.due = 'nothing'
  member.owned = classicAssignment(answer['assignment'] as Buffer) ?? []
}

const classicHeartbeat: Lesson = (member, { error }) => {
  if (error === 'NONE') return
  if (OUT.has(error)) member.memberId = ''
  member.due = 'join'
}

const leave: Lesson = (member) => {
  member.forget()
  member.memberId = ''
}

type AckTopics = {
  topicId: string
  partitions: {
    partitionIndex: number
    acknowledgementBatches: { firstOffset: number; acknowledgeTypes: number[] }[]
  }[]
}[]
type FetchedTopics = {
  topicId: string
  partitions: {
    partitionIndex: number
    acquiredRecords?: { firstOffset: number; lastOffset: number }[]
  }[]
}[]

/** What was acknowledged is the member's no more, and what was acquired is. */
const shareRequest: Lesson = (member, { sent, answer, error }) => {
  const isFine = error === 'NONE'
  if (isFine) {
    const done = new Set<string>()
    for (const { topicId, partitions } of sent['topics'] as AckTopics) {
      for (const { partitionIndex, acknowledgementBatches } of partitions) {
        for (const { firstOffset, acknowledgeTypes } of acknowledgementBatches) {
          if (!ACCEPT_TO_REJECT.has(acknowledgeTypes[0] as number)) continue
          done.add(`${topicId} ${partitionIndex} ${firstOffset}`)
        }
      }
    }
    const kept = member.acquired.filter(
      ({ topicId, partition, first }) => !done.has(`${topicId} ${partition} ${first}`),
    )
    member.acquired = [...kept, ...acquiredIn(answer['responses'] as FetchedTopics)]
  }
  member.session(sent, isFine)
}

const acquiredIn = (responses: FetchedTopics): Acquired[] =>
  responses.flatMap(({ topicId, partitions }) =>
    partitions.flatMap(({ partitionIndex, acquiredRecords = [] }) =>
      acquiredRecords.map(({ firstOffset, lastOffset }) => ({
        topicId,
        partition: partitionIndex,
        first: firstOffset,
        last: lastOffset,
      })),
    ),
  )

const LESSONS = new Map<number, Lesson>([
  [apis.consumerGroupHeartbeat.key, heartbeat],
  [apis.shareGroupHeartbeat.key, heartbeat],
  [apis.streamsGroupHeartbeat.key, streamsHeartbeat],
  [apis.joinGroup.key, join],
  [apis.syncGroup.key, sync],
  [apis.heartbeat.key, classicHeartbeat],
  [apis.leaveGroup.key, leave],
  [apis.shareFetch.key, shareRequest],
  [apis.shareAcknowledge.key, shareRequest],
])

/** The assignment of a classic member; leaders may have said anything. */
export function classicAssignment(bytes: Buffer): readonly ClassicAssigned[] | undefined {
  if (bytes.length < 2) return undefined
  try {
    return decodePrefixed(ConsumerProtocolAssignment, 3, bytes).assignedPartitions
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    return undefined
  }
}

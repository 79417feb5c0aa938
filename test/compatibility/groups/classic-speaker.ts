/** Members of both protocols in one group, sent request by request, and the whole answers. */
import { apis, ConsumerProtocolSubscription, encodePrefixed } from '@ottla/protocol'
import { ShareTranscript } from '../share-groups/share-transcript.ts'
import { waitUntil } from '../support/judged-broker.ts'

export type Owned = Readonly<Record<string, readonly number[]>>

export interface Classic {
  readonly group: string
  /** How the play calls it; the id is the broker's. */
  readonly name: string
  readonly instance?: string
}

interface Joined {
  readonly errorCode: number
  readonly generationId: number
  readonly memberId: string
  readonly leader: string
  readonly protocolName: string
}

const SESSION_MS = 30_000

export class MixedTranscript extends ShareTranscript {
  private readonly memberIds = new Map<string, string>()
  private readonly generations = new Map<string, number>()
  private readonly epochs = new Map<string, number>()

  override note(what: string, answer: unknown): void {
    let text = JSON.stringify(answer)
    for (const [name, id] of this.memberIds) text = text.replaceAll(id, `<${name}>`)
    super.note(what, JSON.parse(text))
  }

  override async createTopic(name: string, numPartitions: number): Promise<void> {
    await super.createTopic(name, numPartitions)
    const who = { groupId: `probe-${name}`, memberId: 'probe' }
    const joining = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [] }
    type Answer = { assignment: { topicPartitions: unknown[] } | null }
    const beat = (body: object) =>
      this.send<Answer>('admin', apis.consumerGroupHeartbeat, 1, { ...who, ...body } as never)
    await waitUntil(`the coordinator knows of ${name}`, async () => {
      const { assignment } = await beat({ ...joining, subscribedTopicNames: [name] })
      await beat({ memberEpoch: -1 })
      return (assignment?.topicPartitions.length ?? 0) > 0
    })
  }

  memberId({ group, name }: Classic): string {
    return this.memberIds.get(`${group}/${name}`) ?? ''
  }

  private speaker(member: Classic) {
    return {
      groupId: member.group,
      memberId: this.memberId(member),
      generationId: this.generations.get(`${member.group}/${member.name}`) ?? -1,
      groupInstanceId: member.instance ?? null,
    }
  }

  /** A first JoinGroup asks for an id, which is not noted; the second one is. */
  async joins(
    what: string,
    member: Classic,
    topics: readonly string[],
    owned: Owned = {},
    protocols: readonly string[] = ['range', 'roundrobin'],
  ): Promise<Joined> {
    const key = `${member.group}/${member.name}`
    const ownedPartitions = Object.entries(owned).map(([topic, partitions]) => ({
      topic,
      partitions: [...partitions],
    }))
    const subscription = { topics: [...topics], userData: null, ownedPartitions }
    const metadata = encodePrefixed(ConsumerProtocolSubscription, 1, 1, subscription)
    const ask = () =>
      this.send<Joined>(key, apis.joinGroup, 9, {
        groupId: member.group,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: SESSION_MS,
        memberId: this.memberId(member),
        groupInstanceId: member.instance ?? null,
        protocolType: 'consumer',
        protocols: protocols.map((name) => ({ name, metadata })),
        reason: null,
      })
    let answer = await ask()
    const MEMBER_ID_REQUIRED = 79
    if (answer.errorCode === MEMBER_ID_REQUIRED) {
      this.memberIds.set(key, answer.memberId)
      answer = await ask()
    }
    if (answer.memberId !== '') this.memberIds.set(key, answer.memberId)
    if (answer.errorCode === 0) this.generations.set(key, answer.generationId)
    this.note(what, answer)
    return answer
  }

  async syncs(
    what: string,
    member: Classic,
    assignments: readonly { member: Classic; owned: Owned }[] = [],
    protocolName = 'range',
  ): Promise<void> {
    const { groupInstanceId, ...speaker } = this.speaker(member)
    const encoded = assignments.map((one) => ({
      memberId: this.memberId(one.member),
      assignment: assignmentOf(one.owned),
    }))
    type Synced = { assignment: Buffer }
    const answer = await this.send<Synced>(`${member.group}/${member.name}`, apis.syncGroup, 5, {
      ...speaker,
      groupInstanceId,
      protocolType: 'consumer',
      protocolName,
      assignments: encoded,
    })
    this.note(what, { ...answer, assignment: answer.assignment.toString('hex') })
  }

  /** Heartbeat, SyncGroup and so on in another generation than the member's. */
  inGeneration(member: Classic, generation: number): void {
    this.generations.set(`${member.group}/${member.name}`, generation)
  }

  async beats(what: string, member: Classic): Promise<number> {
    type Answer = { errorCode: number }
    const answer = await this.send<Answer>('admin', apis.heartbeat, 4, this.speaker(member))
    this.note(what, answer)
    return answer.errorCode
  }

  async leaves(what: string, member: Classic): Promise<void> {
    const { groupId, memberId, groupInstanceId } = this.speaker(member)
    const members = [{ memberId, groupInstanceId, reason: null }]
    await this.ask(what, apis.leaveGroup, 5, { groupId, memberId: '', members })
  }

  async commits(what: string, member: Classic, topic: string, partition: number): Promise<void> {
    const { generationId, ...who } = this.speaker(member)
    const partitions = [{ partitionIndex: partition, committedOffset: 5, committedMetadata: '' }]
    await this.ask(what, apis.offsetCommit, 8, {
      ...who,
      generationIdOrMemberEpoch: generationId,
      retentionTimeMs: -1,
      topics: [{ name: topic, partitions }],
    })
  }

  /** A heartbeat of a member of the consumer protocol. */
  async modern(
    what: string,
    groupId: string,
    memberId: string,
    said: {
      readonly topics?: readonly string[]
      readonly owned?: Owned
      readonly epoch?: number
      readonly instanceId?: string
    } = {},
  ): Promise<void> {
    const key = `${groupId}/${memberId}`
    const isJoin = said.topics !== undefined
    const memberEpoch = said.epoch ?? (isJoin ? 0 : (this.epochs.get(key) ?? 0))
    const owned = said.owned ?? (isJoin ? {} : undefined)
    const topicPartitions = owned
      ? Object.entries(owned).map(([topic, partitions]) => ({
          topicId: this.topicId(topic),
          partitions: [...partitions],
        }))
      : null
    type Answer = { errorCode: number; memberEpoch: number }
    const answer = await this.send<Answer>(key, apis.consumerGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch,
      instanceId: said.instanceId ?? null,
      rebalanceTimeoutMs: isJoin ? 60_000 : -1,
      subscribedTopicNames: said.topics ? [...said.topics] : null,
      topicPartitions,
    })
    if (answer.errorCode === 0) this.epochs.set(key, answer.memberEpoch)
    this.note(what, answer)
  }

  async shows(what: string, group: string): Promise<void> {
    const asked = { groupIds: [group], includeAuthorizedOperations: false }
    await this.ask(`${what}, as a consumer group`, apis.consumerGroupDescribe, 1, asked)
    const classic = { groups: [group], includeAuthorizedOperations: false }
    type Described = {
      groups: { members: { memberAssignment: Buffer; memberMetadata: Buffer }[] }[]
    }
    const told = await this.send<Described>('admin', apis.describeGroups, 6, classic)
    const groups = told.groups.map((one) => ({
      ...one,
      members: one.members.map((member) => ({
        ...member,
        memberAssignment: member.memberAssignment.toString('hex'),
        memberMetadata: member.memberMetadata.toString('hex'),
      })),
    }))
    this.note(`${what}, as a classic group`, { groups })
  }

  pause(ms: number): Promise<unknown> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }
}

function assignmentOf(owned: Owned): Buffer {
  const parts = Object.entries(owned).map(([topic, partitions]) => {
    const name = Buffer.from(topic)
    const bytes = Buffer.alloc(2 + name.length + 4 + 4 * partitions.length)
    bytes.writeInt16BE(name.length, 0)
    name.copy(bytes, 2)
    bytes.writeInt32BE(partitions.length, 2 + name.length)
    for (const [i, partition] of partitions.entries()) {
      bytes.writeInt32BE(partition, 6 + name.length + 4 * i)
    }
    return bytes
  })
  const head = Buffer.alloc(6)
  head.writeInt16BE(1, 0)
  head.writeInt32BE(parts.length, 2)
  const noUserData = Buffer.alloc(4, 0xff)
  return Buffer.concat([head, ...parts, noUserData])
}

/**
 * Requests of members of a consumer group, sent one by one to a broker, and its answers in a form
 * that is equal for equal behaviour: error names instead of codes, topic names instead of ids.
 */
import {
  type Api,
  apis,
  type ConsumerGroupDescribeResponse,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  errorName,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'
import { waitUntil } from '../support/judged-broker.ts'
import { singleRequest } from './single-request.ts'

export type Heartbeat = Partial<ConsumerGroupHeartbeatRequest>

interface Speaker {
  readonly memberId: string
  readonly epoch: number
  readonly partition?: number
}

/** Partitions by topic name, as `{ t: [0, 1] }`. */
export type Held = Readonly<Record<string, readonly number[]>>

export class Transcript {
  readonly lines: string[] = []
  private readonly bootstrap: string
  private readonly told = new Map<string, Held>()
  private readonly idsByName = new Map<string, string>()

  constructor(bootstrap: string) {
    this.bootstrap = bootstrap
  }

  /** Sends a request of which nothing is written down. */
  async send<S>(api: Api, version: number, body: FieldsInput<Fields>) {
    return (await singleRequest(this.bootstrap, api, version, body)) as S
  }

  async createTopic(name: string, numPartitions: number): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
    const body = { topics: [topic], timeoutMs: 30_000, validateOnly: false }
    type Created = { topics: { topicId: string; errorCode: number }[] }
    const { topics } = await this.send<Created>(apis.createTopics as never, 7, body)
    this.idsByName.set(name, topics[0]?.topicId as string)
    await this.waitForTopic(name)
  }

  /** A coordinator may learn of a topic later than who made it. */
  private async waitForTopic(name: string): Promise<void> {
    const member = { groupId: `probe-${name}`, memberId: 'probe' }
    const { length } = this.lines
    await waitUntil(`the coordinator knows ${name}`, async () => {
      const answer = await this.join('probe', { ...member, subscribedTopicNames: [name] })
      await this.beat('probe leaves', { ...member, memberEpoch: -1 })
      return (answer.assignment?.topicPartitions.length ?? 0) > 0
    })
    this.lines.length = length
  }

  topicId(name: string): string {
    return this.idsByName.get(name) as string
  }

  /** A heartbeat whose answer is written down, and given back. */
  async beat(
    what: string,
    { held, ...request }: Heartbeat & { readonly held?: Held },
    apiVersion = 1,
  ): Promise<ConsumerGroupHeartbeatResponse> {
    const body = {
      memberId: '',
      memberEpoch: 0,
      ...(held ? { topicPartitions: this.topicPartitions(held) } : {}),
      ...request,
    }
    const answer = await this.send<ConsumerGroupHeartbeatResponse>(
      apis.consumerGroupHeartbeat as never,
      apiVersion,
      body as FieldsInput<Fields>,
    )
    const { errorCode, memberEpoch, heartbeatIntervalMs } = answer
    const told = this.heldOf(answer.assignment)
    if (told) this.told.set(`${request.groupId}/${request.memberId}`, told)
    const assigned = this.named(answer.assignment)
    const fields = [errorName(errorCode), memberEpoch, heartbeatIntervalMs, assigned]
    this.lines.push(`${what}: ${fields.join(' ')}`)
    return answer
  }

  /** A first heartbeat, with all that it must say. */
  join(what: string, request: Heartbeat): Promise<ConsumerGroupHeartbeatResponse> {
    const first = { rebalanceTimeoutMs: 60_000, memberEpoch: 0, held: {} }
    return this.beat(what, { ...first, ...request })
  }

  /** Commits offset 7 of one partition of the first topic. */
  async commit(
    what: string,
    { groupId }: { readonly groupId: string },
    { memberId, epoch, partition = 0 }: Speaker,
    apiVersion: number,
  ): Promise<void> {
    const [[name, topicId]] = [...this.idsByName] as [[string, string]]
    const committed = { partitionIndex: partition, committedOffset: 7, committedMetadata: '' }
    const topic = apiVersion >= 10 ? { topicId } : { name }
    type Answer = { topics: { partitions: { errorCode: number }[] }[] }
    const { topics } = await this.send<Answer>(apis.offsetCommit as never, apiVersion, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: epoch,
      topics: [{ ...topic, partitions: [committed] }],
    })
    this.note(`commit ${what}: ${errorName(topics[0]?.partitions[0]?.errorCode as number)}`)
  }

  async fetch(
    what: string,
    { groupId }: { readonly groupId: string },
    { memberId, epoch }: Omit<Speaker, 'memberId'> & { readonly memberId: string | null },
  ): Promise<void> {
    const [[name]] = [...this.idsByName] as [[string, string]]
    const topics = [{ name, partitionIndexes: [0] }]
    const groups = [{ groupId, memberId, memberEpoch: epoch, topics }]
    type Partition = { committedOffset: number; errorCode: number }
    type Answer = { groups: { errorCode: number; topics: { partitions: Partition[] }[] }[] }
    const answer = await this.send<Answer>(apis.offsetFetch as never, 9, { groups })
    const group = answer.groups[0] as Answer['groups'][number]
    const offset = group.topics[0]?.partitions[0]?.committedOffset
    this.note(`fetch ${what}: ${errorName(group.errorCode)} ${offset}`)
  }

  async delete(what: string, { groupId }: { readonly groupId: string }): Promise<void> {
    type Answer = { results: { errorCode: number }[] }
    const body = { groupsNames: [groupId] }
    const { results } = await this.send<Answer>(apis.deleteGroups as never, 2, body)
    this.note(`delete ${what}: ${errorName(results[0]?.errorCode as number)}`)
  }

  /** Gives the member id that the broker chose. */
  async classicJoin(
    what: string,
    { groupId }: { readonly groupId: string },
    protocolType: string,
    memberId = '',
  ): Promise<string> {
    type Answer = { errorCode: number; memberId: string }
    const metadata = Buffer.from('00000000000100056170617274ffffffff', 'hex')
    const answer = await this.send<Answer>(apis.joinGroup as never, 5, {
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId,
      protocolType,
      protocols: [{ name: 'range', metadata }],
    })
    this.note(`classic join ${what}: ${errorName(answer.errorCode)}`)
    return answer.memberId
  }

  /** The other requests of the classic protocol. */
  async classic(
    what: string,
    { groupId }: { readonly groupId: string },
    memberId: string,
  ): Promise<void> {
    const who = { groupId, generationId: 2, memberId }
    type Answer = { errorCode: number }
    const beat = await this.send<Answer>(apis.heartbeat as never, 3, who)
    const sync = await this.send<Answer>(apis.syncGroup as never, 3, { ...who, assignments: [] })
    this.note(`${what}: ${errorName(beat.errorCode)} ${errorName(sync.errorCode)}`)
  }

  async leaveByAdmin(
    what: string,
    { groupId }: { readonly groupId: string },
    member: { readonly memberId: string; readonly groupInstanceId: string | null },
  ): Promise<void> {
    type Answer = { errorCode: number; members: { errorCode: number }[] }
    const body = { groupId, members: [member] }
    const { errorCode, members } = await this.send<Answer>(apis.leaveGroup as never, 4, body)
    const errors = [errorCode, ...members.map((answer) => answer.errorCode)].map(errorName)
    this.note(`leave ${what}: ${errors.join(' ')}`)
  }

  async grow(name: string, count: number): Promise<void> {
    const topics = [{ name, count, assignments: null }]
    const body = { topics, timeoutMs: 30_000, validateOnly: false }
    await this.send(apis.createPartitions as never, 3, body)
  }

  /** Heartbeats until the member was told to hold so many partitions of each topic. */
  async settle(
    what: string,
    request: Heartbeat & { readonly groupId: string; readonly memberId: string },
    wanted: Readonly<Record<string, number>>,
  ): Promise<void> {
    const { length } = this.lines
    const who = { groupId: request.groupId, memberId: request.memberId }
    const told = () => this.told.get(`${who.groupId}/${who.memberId}`) ?? {}
    let { memberEpoch } = await this.beat('', { ...who, memberEpoch: await this.epochOf(who) })
    let more: Heartbeat = request
    await waitUntil(what, async () => {
      const answer = await this.beat('', { ...more, memberEpoch, held: told() })
      memberEpoch = answer.memberEpoch
      more = who
      const counts = Object.entries(told()).map(([name, { length: count }]) => [name, count])
      return JSON.stringify(Object.fromEntries(counts.sort())) === JSON.stringify(wanted)
    })
    this.lines.length = length
    this.note(`settles ${what}`)
  }

  private heldOf(assignment: ConsumerGroupHeartbeatResponse['assignment']): Held | undefined {
    if (!assignment) return undefined
    const names = new Map([...this.idsByName].map(([name, id]) => [id, name]))
    return Object.fromEntries(
      assignment.topicPartitions.map((t) => [names.get(t.topicId) ?? t.topicId, t.partitions]),
    )
  }

  private async epochOf({ groupId }: { readonly groupId: string }): Promise<number> {
    const { groups } = await this.described(groupId)
    return groups[0]?.members[0]?.memberEpoch ?? 0
  }

  private described(groupId: string): Promise<ConsumerGroupDescribeResponse> {
    return this.send(apis.consumerGroupDescribe as never, 1, { groupIds: [groupId] })
  }

  async describe(what: string, groupId: string): Promise<void> {
    const { groups } = await this.described(groupId)
    for (const group of groups) {
      const { groupState, groupEpoch, assignmentEpoch, assignorName, errorMessage } = group
      const state = [groupState, groupEpoch, assignmentEpoch, assignorName, errorMessage]
      this.note(`${what}: ${errorName(group.errorCode)} ${state.join(' ')}`)
      for (const member of group.members) {
        const { memberId, instanceId, rackId, memberEpoch, clientId, clientHost } = member
        const who = [memberId, instanceId, rackId, memberEpoch, clientId, clientHost]
        const topics = [member.subscribedTopicNames, member.subscribedTopicRegex, member.memberType]
        const held = [this.named(member.assignment), this.named(member.targetAssignment)]
        this.note(`${what}: ${[...who, ...topics, ...held].join(' ')}`)
      }
    }
  }

  note(line: string): void {
    this.lines.push(line)
  }

  private topicPartitions(held: Held) {
    return Object.entries(held).map(([name, partitions]) => ({
      topicId: this.topicId(name),
      partitions: [...partitions],
    }))
  }

  named(assignment: ConsumerGroupHeartbeatResponse['assignment']): string {
    if (!assignment) return 'unchanged'
    const names = new Map([...this.idsByName].map(([name, id]) => [id, name]))
    const parts = assignment.topicPartitions.map(
      ({ topicId, partitions }) => `${names.get(topicId)}[${[...partitions].sort().join()}]`,
    )
    return parts.length === 0 ? 'nothing' : parts.sort().join(' ')
  }
}

/** What members of groups do whatever their protocol: go on from what was committed, and commit. */
import { apis, errorName } from '@ottla/protocol'
import { fetchKeys } from './answers.ts'
import { Client } from './client.ts'
import type { Connection } from './connection.ts'
import type { Membership } from './history.ts'
import { KEYS, TOPIC } from './topic.ts'
import type { World } from './world.ts'

export abstract class GroupReader extends Client {
  protected readonly group: string
  protected readonly positions = new Map<number, number>()
  /** Who this was before it went away, for commits that come too late. */
  protected former: { membership: Membership; positions: Map<number, number> } | undefined

  constructor(world: World, name: string, group: string) {
    super(world, name)
    this.group = group
  }

  protected leaveBehind(membership: Membership): void {
    this.former = { membership, positions: new Map(this.positions) }
    this.positions.clear()
  }

  /** Where to read keys from; false when that cannot be told now. */
  protected async findPositions(connection: Connection, keys: readonly number[]): Promise<boolean> {
    const { history } = this.world
    const operation = history.begin(this.name, 'fetch-offsets')
    const topics = [{ name: TOPIC, partitionIndexes: [...keys] }]
    const body = { groupId: this.group, groups: [], topics, requireStable: true }
    const answer = await connection.ask(apis.offsetFetch, 7, body)
    const parts = answer.topics[0]?.partitions ?? []
    const isWhole = answer.errorCode === 0 && parts.every(({ errorCode }) => errorCode === 0)
    if (!isWhole) {
      history.end(operation, 'fail')
      return false
    }
    const { group } = this
    operation.commits = parts.map(({ partitionIndex: key, committedOffset: offset }) => ({
      group,
      key,
      offset,
    }))
    history.end(operation, 'ok')
    for (const { key, offset } of operation.commits) this.positions.set(key, Math.max(0, offset))
    return true
  }

  protected async commit(
    connection: Connection,
    membership: Membership,
    positions: ReadonlyMap<number, number>,
  ): Promise<void> {
    if (positions.size === 0) return
    const { group } = this
    const commits = [...positions].map(([key, offset]) => ({ group, key, offset }))
    const { history } = this.world
    const operation = history.begin(this.name, 'commit', { membership, commits })
    const partitions = commits.map(({ key, offset }) => ({
      partitionIndex: key,
      committedOffset: offset,
      committedMetadata: null,
    }))
    const answer = await connection.ask(apis.offsetCommit, 9, {
      groupId: group,
      generationIdOrMemberEpoch: membership.generation,
      memberId: membership.member,
      topics: [{ name: TOPIC, partitions }],
    })
    const errors = (answer.topics[0]?.partitions ?? []).map(({ errorCode }) => errorName(errorCode))
    const error = errors.find((one) => one !== 'NONE')
    // A commit that could not be written may still come to the disk.
    const isRefused = error !== undefined && error !== 'COORDINATOR_NOT_AVAILABLE'
    history.end(operation, error === undefined ? 'ok' : isRefused ? 'fail' : 'info', error)
  }

  protected async poll(connection: Connection): Promise<void> {
    if (this.positions.size === 0) return
    const { history } = this.world
    const operation = history.begin(this.name, 'poll')
    const polls = await fetchKeys(connection, this.positions, { isCommittedOnly: true })
    operation.polls = polls.filter(({ highWatermark }) => highWatermark >= 0)
    history.end(operation, 'ok')
    for (const { key, next, error, logStartOffset } of polls) {
      if (error === 'NONE') this.positions.set(key, next)
      else if (error === 'OFFSET_OUT_OF_RANGE') this.positions.set(key, logStartOffset)
    }
  }

  protected findCoordinator(connection: Connection): Promise<unknown> {
    return connection.ask(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [this.group] })
  }

  /** What is committed at the very end. */
  async fetchAll(): Promise<void> {
    const connection = await this.world.connect()
    await this.findCoordinator(connection)
    const keys = Array.from({ length: KEYS }, (_, key) => key)
    await this.findPositions(connection, keys)
    connection.close()
  }
}

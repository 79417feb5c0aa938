/** What a group tells its members is on disk, also where it writes nothing to tell it. */
import { apis, ConsumerProtocolSubscription, encodePrefixed, errorName } from '@ottla/protocol'
import { startBroker } from '@ottla/testing'
import { expect, it } from 'vitest'
import { Connection } from '../../consistency/connection.ts'
import { HeldDisk } from '../support/held-disk.ts'

const GROUP = 'durable'
const metadata = encodePrefixed(ConsumerProtocolSubscription, 1, 1, {
  topics: [],
  ownedPartitions: [],
})

async function join(connection: Connection, memberId: string) {
  const body = { groupId: GROUP, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId }
  const protocols = [{ name: 'range', metadata }]
  const ask = (id: string) =>
    connection.ask(apis.joinGroup, 9, {
      ...body,
      memberId: id,
      protocolType: 'consumer',
      protocols,
    })
  const answer = await ask(memberId)
  return errorName(answer.errorCode) === 'MEMBER_ID_REQUIRED' ? ask(answer.memberId) : answer
}

it('answers SyncGroup from a finished rebalance only when that is durable', async () => {
  const disk = new HeldDisk()
  await using broker = await startBroker({ dataDir: '/data', fileSystem: disk })
  const connections = [1, 2, 3].map(() => new Connection(broker.port))
  const [a, b, c] = connections as [Connection, Connection, Connection]
  await a.ask(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [GROUP] })
  const leader = await join(a, '')
  const joining = join(b, '')
  const heartbeat = async (generationId: number) => {
    const { memberId } = leader
    const answer = await c.ask(apis.heartbeat, 4, { groupId: GROUP, generationId, memberId })
    return errorName(answer.errorCode)
  }
  await expect.poll(() => heartbeat(leader.generationId)).toBe('REBALANCE_IN_PROGRESS')
  const rejoined = await join(a, leader.memberId)
  const follower = await joining
  expect(follower.generationId).toBe(rejoined.generationId)

  const sync = (connection: Connection, memberId: string, assignments: string[]) =>
    connection.ask(apis.syncGroup, 5, {
      groupId: GROUP,
      generationId: follower.generationId,
      memberId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: assignments.map((id) => ({ memberId: id, assignment: Buffer.from(id) })),
    })
  disk.hold('__consumer_offsets')
  let answers = 0
  const count = <T>(answer: T): T => {
    answers++
    return answer
  }
  const leading = sync(a, leader.memberId, [leader.memberId, follower.memberId]).then(count)
  // A round trip later the leader's assignment is decided, and waits for the disk.
  await heartbeat(follower.generationId)
  const following = sync(b, follower.memberId, []).then(count)
  for (let i = 0; i < 10; i++) await heartbeat(follower.generationId)
  const early = answers
  disk.release()
  expect(early).toBe(0)
  expect((await leading).errorCode).toBe(0)
  expect((await following).assignment.toString()).toBe(follower.memberId)
  for (const connection of connections) connection.close()
})

/** Calls that ask every broker, against brokers that are made up here. */
import { ClosedError, SeededRandom, VirtualClock } from '@ottla/base'
import { AuthenticationError, ConnectionError, UnsupportedVersionError } from '@ottla/network'
import { type ErrorName, errorCode } from '@ottla/protocol'
import { beforeEach, expect, test } from 'vitest'
import type { Cluster, Target } from '../cluster/cluster.ts'
import { Admin } from './admin.ts'

const PER_ITEM = { perItem: true } as const
const STEP_MS = 10
const STEPS_MAX = 20_000

/** Groups, the name of an error that is the answer, or one that is met in asking. */
type Answer = readonly string[] | ErrorName | Error | Promise<readonly string[] | ErrorName>

class World {
  readonly clock = new VirtualClock()
  readonly asked: number[] = []
  listed: readonly number[] = [2, 1, 3]
  answers: Record<number, (count: number) => Answer> = {
    1: () => ['b'],
    2: () => ['a'],
    3: () => ['c'],
  }
  readonly admin = new Admin(this.cluster())

  private cluster(): Cluster {
    const fake = {
      context: {
        clock: this.clock,
        random: new SeededRandom(1),
        apiTimeoutMs: 60_000,
        retryBackoff: { minMs: 100, maxMs: 1_000 },
      },
      metadata: { update: () => undefined },
      refreshTopics: () => Promise.resolve(),
      request: (target: Target) => this.answer(target),
    }
    return fake as unknown as Cluster
  }

  private async answer(target: Target): Promise<unknown> {
    if (typeof target !== 'number') {
      return { brokers: this.listed.map((nodeId) => ({ nodeId })) }
    }
    this.asked.push(target)
    const count = this.asked.filter((id) => id === target).length
    const answer = await this.answers[target]?.(count)
    if (answer instanceof Error) throw answer
    const isError = typeof answer === 'string'
    const groups = isError ? [] : (answer ?? [])
    return {
      errorCode: isError ? errorCode(answer) : 0,
      groups: groups.map((groupId) => {
        return { groupId, protocolType: 'consumer', groupState: 'Empty', groupType: 'Classic' }
      }),
    }
  }

  /** Lets time pass until the call is done. */
  async done<T>(call: Promise<T>): Promise<T> {
    let isDone = false
    const settled = call.finally(() => {
      isDone = true
    })
    settled.catch(() => {
      // Whoever waits for `done` is told.
    })
    for (let step = 0; !isDone && step < STEPS_MAX; step++) {
      await new Promise((resolve) => setImmediate(resolve))
      this.clock.advance(STEP_MS)
    }
    expect(isDone, 'the call ends').toBe(true)
    return settled
  }

  after<T>(ms: number, value: T): Promise<T> {
    return new Promise((resolve) => this.clock.setTimer(ms, () => resolve(value)))
  }
}

const never = () => new Promise<never>(() => undefined)
const down = () => new ConnectionError('h:9092', 'ECONNREFUSED')

let world: World
beforeEach(() => {
  world = new World()
})

/** `group@coordinator`, or `coordinator CODE` of one that failed. */
async function listed(timeoutMs = 5_000): Promise<string[]> {
  const found = await world.done(world.admin.listGroups({ ...PER_ITEM, timeoutMs }))
  return found.map((one) =>
    one.error ? `${one.coordinator} ${one.error.code}` : `${one.group}@${one.coordinator}`,
  )
}

test('what all brokers know is listed by name', async () => {
  expect(await listed()).toEqual(['a@2', 'b@1', 'c@3'])
  const plain = await world.done(world.admin.listGroups())
  expect(plain.map(({ group }) => group)).toEqual(['a', 'b', 'c'])
})

test('a broker that is down is an item, and only it is asked again', async () => {
  world.answers[1] = down
  expect(await listed()).toEqual(['a@2', 'c@3', '1 TIMEOUT'])
  const again = world.asked.filter((id) => id === 1).length
  expect(again).toBeGreaterThan(3)
  expect(world.asked.length).toBe(again + 2)
  const [, , failed] = await world.done(world.admin.listGroups({ ...PER_ITEM, timeoutMs: 500 }))
  const message = 'listGroups of broker 1 did not succeed within 500 ms: Connection to h:9092'
  expect(failed?.error?.message).toContain(message)
  expect(failed?.error?.cause).toBeInstanceOf(ConnectionError)
})

test('a broker that says nothing takes nothing of the others with it', async () => {
  world.answers[2] = never
  expect(await listed()).toEqual(['b@1', 'c@3', '2 TIMEOUT'])
  expect(world.asked).toEqual([1, 2, 3])
})

test.each<[Answer, string]>([
  ['CLUSTER_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'],
  [new AuthenticationError('no'), 'SASL_AUTHENTICATION_FAILED'],
  [new UnsupportedVersionError('ListGroups', 'h:9092', 'too old'), 'UNSUPPORTED_VERSION'],
])('a broker that refuses is asked once (%s)', async (answer, code) => {
  world.answers[3] = () => answer
  expect(await listed()).toEqual(['a@2', 'b@1', `3 ${code}`])
  expect(world.asked).toEqual([1, 2, 3])
})

test('a broker that is not ready is asked until it is', async () => {
  world.answers[3] = (count) => (count < 4 ? 'COORDINATOR_LOAD_IN_PROGRESS' : ['c'])
  expect(await listed()).toEqual(['a@2', 'b@1', 'c@3'])
  expect(world.asked).toEqual([1, 2, 3, 3, 3, 3])
})

test('when a broker leaves, its groups are asked for where they have gone', async () => {
  world.answers[1] = (count) => (count < 2 ? ['b'] : ['b', 'c'])
  world.answers[3] = (count) => {
    if (count === 3) world.listed = [1, 2]
    return down()
  }
  expect(await listed()).toEqual(['a@2', 'b@1', 'c@1'])
})

test('without perItem the call throws, and says which broker it waited for', async () => {
  const list = () => world.done(world.admin.listGroups({ timeoutMs: 1_000 }))
  const deadline = (broker: number) => `listGroups of broker ${broker} did not succeed within 1000`
  world.answers[2] = down
  await expect(list()).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringContaining(deadline(2)),
    cause: { code: 'CONNECTION' },
  })
  world.answers[2] = never
  await expect(list()).rejects.toThrow(deadline(2))
  world.answers[3] = () => 'CLUSTER_AUTHORIZATION_FAILED'
  await expect(list()).rejects.toThrow('Listing groups of broker 3: CLUSTER_AUTHORIZATION_FAILED')
})

test('an answer that comes late does not replace the one that was waited for', async () => {
  world.answers[1] = (count) => (count === 1 ? down() : world.after(300, ['b']))
  const late = () => world.after<ErrorName>(200, 'CLUSTER_AUTHORIZATION_FAILED')
  world.answers[2] = (count) => (count === 1 ? late() : ['a'])
  const found = await world.done(world.admin.listGroups({ timeoutMs: 5_000 }))
  expect(found.map(({ group }) => group)).toEqual(['a', 'b', 'c'])
})

test('a client that is closed is no answer of a broker', async () => {
  world.answers[2] = () => new ClosedError('The Kafka client')
  await expect(listed()).rejects.toMatchObject({ code: 'CLOSED' })
})

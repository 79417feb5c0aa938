import { Kafka } from '@ottla/client'
import { startBroker } from '@ottla/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ottla, startOttla } from './run-ottla.ts'

let broker: Awaited<ReturnType<typeof startBroker>>
const env = () => ({ KAFKA_URL: `kafka://${broker.address}` })
const run = (args: string[], input = '') => ottla(args, { env: env(), input })
const json = async (args: string[]) => {
  const { code, out, err } = await run([...args, '-o', 'json'])
  expect(err).toBe('')
  expect(code).toBe(0)
  return JSON.parse(out)
}

beforeAll(async () => {
  broker = await startBroker()
  await run(['topic', 'create', 'transfers'])
  await run(['produce', 'transfers'], '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n')
})
afterAll(() => broker[Symbol.asyncDispose]())

test('a group goes on where it stopped, after -n as well', async () => {
  expect((await run(['consume', 'transfers', '-g', 'steps', '-n', '3'])).out).toBe('0\n1\n2\n')
  expect((await run(['consume', 'transfers', '-g', 'steps', '-n', '2'])).out).toBe('3\n4\n')
  expect((await run(['consume', 'transfers', '-g', 'steps', '-e'])).out).toBe('5\n6\n7\n8\n9\n')
  expect(await json(['group', 'list'])).toMatchObject([
    { group: 'steps', state: 'Empty', members: 0, lag: 0, topics: ['transfers'] },
  ])
})

test('a reset shows what it would do, and does it with --yes', async () => {
  const dry = await run(['group', 'reset', 'steps', '--to', '-4'])
  expect(dry.out).toBe('TOPIC\tPARTITION\tNOW\tTHEN\tRECORDS READ AGAIN\ntransfers\t0\t10\t6\t4\n')
  expect(dry.err).toBe('dry run: nothing changed. Add --yes to do it.\n')
  const [before] = await json(['group', 'describe', 'steps'])
  expect(before.partitions).toMatchObject([{ committed: 10, lag: 0 }])
  const moved = await json(['group', 'reset', 'steps', '--to', '-4', '--yes'])
  expect(moved).toMatchObject({ dryRun: false, partitions: [{ from: 10, to: 6, readAgain: 4 }] })
  expect((await run(['consume', 'transfers', '-g', 'steps', '-e'])).out).toBe('6\n7\n8\n9\n')
  for (const [to, offset] of [
    ['earliest', 0],
    ['latest', 10],
    ['7', 7],
    ['999', 10],
    ['@10m', 0],
  ] as const) {
    const plan = await json(['group', 'reset', 'steps', '--to', to, '-t', 'transfers:0'])
    expect(plan.partitions).toMatchObject([{ partition: 0, to: offset }])
  }
})

test('a new group can be made to begin somewhere', async () => {
  await run(['group', 'reset', 'fresh', '--to', '8', '-t', 'transfers', '--yes'])
  expect((await run(['consume', 'transfers', '-g', 'fresh', '-e'])).out).toBe('8\n9\n')
})

test('a group with members is neither reset nor deleted, and they are named', async () => {
  const reading = startOttla(['consume', 'transfers', '-g', 'busy'], { env: env() })
  await reading.lines(10)
  for (const args of [
    ['group', 'reset', 'busy', '--to', 'earliest', '--yes'],
    ['group', 'delete', 'busy'],
  ]) {
    const { code, err } = await run(args)
    expect(code).toBe(1)
    expect(err).toMatch(/^ottla: busy must be empty to be \w+: ottla-cli\S* \(ottla-cli at 127/)
    expect(err).toContain('Mend')
  }
  const [group] = await json(['group', 'describe', 'busy'])
  expect(group).toMatchObject({ state: 'Stable', members: [{ clientId: 'ottla-cli' }] })
  reading.child.kill('SIGTERM')
  await reading.done
  expect((await run(['group', 'delete', 'busy'])).out).toBe('deleted busy\n')
  const gone = await run(['group', 'describe', 'busi'])
  expect(gone.code).toBe(3)
})

test('share groups are listed, described, reset and deleted', async () => {
  await using kafka = new Kafka({ brokers: broker.address })
  const resource = { type: 'group', name: 'sharers' } as const
  const configs = [{ name: 'share.auto.offset.reset', value: 'earliest' }]
  await kafka.admin.incrementalAlterConfigs([{ ...resource, configs }])
  await using consumer = kafka.shareConsumer({ group: 'sharers' })
  for await (const batch of consumer.subscribe('transfers')) {
    batch.accept()
    await consumer.commit()
    const [group] = await json(['group', 'describe', 'sharers'])
    const [member] = group.members
    expect(group).toMatchObject({
      state: 'Stable',
      type: 'share',
      members: [{ clientId: 'ottla' }],
    })
    expect(group.partitions).toEqual([
      { topic: 'transfers', partition: 0, startOffset: 0, lag: 0, members: [member.memberId] },
    ])
    const busy = await run(['group', 'delete', 'sharers'])
    expect(busy.err).toContain('sharers must be empty to be deleted')
    break
  }
  await expect
    .poll(async () => (await kafka.admin.describeShareGroups(['sharers']))[0]?.state)
    .toBe('Empty')
  const dry = await run(['group', 'reset', 'sharers', '--to', '-4'])
  expect(dry.out).toBe('TOPIC\tPARTITION\tNOW\tTHEN\tRECORDS READ AGAIN\ntransfers\t0\t0\t6\t4\n')
  await run(['group', 'reset', 'sharers', '--to', '-4', '--yes'])
  expect((await run(['group', 'describe', 'sharers'])).out).toBe(
    'sharers   Empty · share group · 0 members\n' +
      'TOPIC\tPARTITION\tSTART\tLAG\tMEMBERS\ntransfers\t0\t6\t4\t\n',
  )
  const listed = await json(['group', 'list'])
  expect(listed.find((one: { group: string }) => one.group === 'sharers')).toEqual({
    ...{ group: 'sharers', state: 'Empty', type: 'share', members: 0, lag: 4 },
    topics: ['transfers'],
  })
  expect((await run(['group', 'delete', 'sharers'])).out).toBe('deleted sharers\n')
  expect((await run(['group', 'describe', 'sharers'])).code).toBe(3)
})

test('settings are shown with default, source and meaning, and changed', async () => {
  const set = await run([
    'config',
    'set',
    'topic',
    'transfers',
    'segment.bytes=64MB',
    'retention=1h',
  ])
  expect(set.out).toContain('segment.bytes=67108864 (64.0 MB) · retention.ms=3600000 (1h)')
  const [segment] = await json(['config', 'get', 'topic', 'transfers', 'segment.bytes'])
  expect(segment).toMatchObject({ value: '67108864', default: '1073741824', source: 'topic' })
  expect(segment.doc).toBeTruthy()
  const dry = await run(['config', 'set', 'topic', 'transfers', '-d', 'segment.bytes', '--dry-run'])
  expect(dry.out).toContain('dry run: would set')
  await run(['config', 'set', 'topic', 'transfers', '--delete', 'segment.bytes'])
  const changed = await json(['config', 'get', 'topic', 'transfers', '--changed'])
  expect(changed.map((s: { name: string }) => s.name)).toContain('retention.ms')
  expect(changed.map((s: { name: string }) => s.name)).not.toContain('segment.bytes')
  const slip = await run(['topic', 'alter', 'transfers', '-d', 'segmnt.bytes'])
  expect(slip.err).toContain('Did you mean segment.bytes?')
  const typo = await run(['config', 'set', 'topic', 'transfers', 'segmnt.bytes=1'])
  expect(typo.err).toContain('Did you mean segment.bytes?')
  expect(typo.code).toBe(2)
  expect((await run(['config', 'get', 'topic', 'transfers', 'segmnt.bytes'])).code).toBe(3)
  expect((await run(['config', 'get', 'topics', 'transfers'])).err).toContain('Did you mean topic?')
})

test('brokers have settings too', async () => {
  const all = await json(['config', 'get', 'broker', '1'])
  expect(all.length).toBeGreaterThan(50)
  const set = await run(['config', 'set', 'broker', 'all', 'log.retention.ms=3d'])
  expect(set.err).toBe('')
  const [entry] = await json(['config', 'get', 'broker', '1', 'log.retention.ms'])
  expect(entry).toMatchObject({ value: '259200000', source: 'dynamic-default-broker' })
  expect((await run(['config', 'get', 'broker', '7'])).code).toBe(3)
})

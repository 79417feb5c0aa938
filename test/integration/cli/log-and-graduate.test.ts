import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka } from '@ottla/client'
import { buildKRaftVersion, buildVoters, readBatches } from '@ottla/protocol'
import { startBroker } from '@ottla/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ottla } from './run-ottla.ts'

let dataDir: string
let orders: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ottla-files-'))
  orders = join(dataDir, 'log', 'orders-0')
  await using broker = await startBroker({ dataDir, settings: { 'release.version': '4.2' } })
  const env = { OTTLA_BROKERS: broker.address }
  await ottla(['topic', 'create', 'orders'], { env })
  await ottla(['produce', 'orders'], { env, input: 'one\ntwo\nthree\n' })
  await ottla(['consume', 'orders', '-g', 'readers', '-e'], { env })
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

/** Voters, as a controller of Apache Kafka writes them at the end of a metadata log. */
function addVoters(
  directory: string,
  voters: readonly { readonly id: number; readonly directoryId: string }[],
): void {
  const names = readdirSync(directory).filter((name) => name.endsWith('.log'))
  const path = join(directory, names.sort().at(-1) as string)
  const last = readBatches(readFileSync(path)).at(-1)
  const place = { timestamp: Date.now(), leaderEpoch: last?.leaderEpoch ?? 1 }
  const end = (last?.lastOffset ?? -1) + 1
  const set = voters.map(({ id, directoryId }) => ({
    voterId: id,
    voterDirectoryId: directoryId,
    endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }],
    kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
  }))
  appendFileSync(path, buildKRaftVersion(1, { ...place, baseOffset: end }))
  appendFileSync(path, buildVoters(set, { ...place, baseOffset: end + 1 }))
}

const logOf = () => join(orders, readdirSync(orders).find((name) => name.endsWith('.log')) ?? '')

describe('ottla log', () => {
  test('verifies a whole directory', async () => {
    const { code, out, err } = await ottla(['log', 'verify', dataDir], {})
    expect(err).toBe('')
    expect(out).toMatch(/partitions, \d+ segments, .* stopped cleanly: no damage\n$/)
    expect(code).toBe(0)
  })

  test('names the place of damage and how to mend it, and ends with 1', async () => {
    const path = logOf()
    const whole = readFileSync(path)
    const bytes = Buffer.from(whole)
    bytes[65] = (bytes[65] as number) ^ 1
    writeFileSync(path, bytes)
    const { code, out } = await ottla(['log', 'verify', path], {})
    const json = await ottla(['log', 'verify', dataDir, '-o', 'jsonl'], {})
    writeFileSync(path, whole)
    expect(code).toBe(1)
    expect(out).toContain(
      `damage ${path} at position 0 (offset 0)\n  What  checksum does not agree`,
    )
    expect(out).toContain('  Mend  ')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out.split('\n')[0] as string)).toMatchObject({
      severity: 'damage',
      file: path,
      position: 0,
      offset: 0,
    })
  })

  test('dumps a file, a partition, and what Kafka keeps for itself', async () => {
    const one = await ottla(['log', 'dump', logOf()], {})
    expect(one.out).toContain('record offset=0 ')
    expect(one.out).toContain('value=one')
    const all = await ottla(['log', 'dump', dataDir, '-o', 'jsonl'], {})
    const rows = all.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows.find(({ type }) => type === 'OffsetCommit')).toMatchObject({
      row: 'record',
      key: { group: 'readers', topic: 'orders' },
      value: { offset: 3 },
    })
    expect(rows.filter(({ type }) => type === 'TopicRecord')).toHaveLength(2)
    expect(rows.find(({ row }) => row === 'damage')).toBeUndefined()
  })

  test('says what is no file of Kafka', async () => {
    const foreign = join(dataDir, 'note.txt')
    writeFileSync(foreign, 'hello')
    expect(await ottla(['log', 'dump', foreign], {})).toMatchObject({ code: 2, out: '' })
    expect(await ottla(['log', 'verify', join(dataDir, 'nowhere')], {})).toMatchObject({ code: 3 })
    expect(await ottla(['log', 'verify', join(dataDir, 'ottla')], {})).toMatchObject({
      code: 2,
    })
  })
})

describe('ottla graduate', () => {
  test('says what is there, which releases open it, and what to do', async () => {
    const { code, out, err } = await ottla(['graduate', dataDir], {})
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/opened by +Apache Kafka 4\.2, 4\.3, 4\.4; not by 4\.0 \(/)
    expect(out).toMatch(/topics +2 with/)
    expect(out).toContain(`log.dirs=${join(dataDir, 'log')}\n`)
    expect(out).toContain('controller.quorum.voters=1@localhost:9093\n')
    expect(out).toContain('bin/kafka-features.sh --bootstrap-server localhost:9092 upgrade')
    expect(out).toContain('{"topic":"orders","partition":0,"replicas":[')
  })

  test('writes the files of the plan for other machines', async () => {
    const folder = join(dataDir, 'plan')
    const nodes = 'a.example,b.example:9192,c.example:9292:9293'
    const run = await ottla(
      ['graduate', dataDir, '--nodes', nodes, '--write', folder, '-o', 'json'],
      {},
    )
    expect(run.code, run.err).toBe(0)
    expect(readdirSync(folder).sort()).toEqual([
      'move-to-three.json',
      'node-1.properties',
      'node-2.properties',
      'node-3.properties',
      'server.properties',
    ])
    const second = readFileSync(join(folder, 'node-2.properties'), 'utf8')
    expect(second).toContain('listeners=PLAINTEXT://b.example:9192,CONTROLLER://b.example:9093\n')
    expect(second).toContain(
      'controller.quorum.bootstrap.servers=a.example:9093,b.example:9093,c.example:9293\n',
    )
    const { steps, coordinators } = JSON.parse(run.out)
    expect(steps.length).toBeGreaterThan(6)
    expect(coordinators.committedOffsets).toBe(1)
  })

  test('does not touch a directory that is in use', async () => {
    await using broker = await startBroker({ dataDir })
    const { code, err } = await ottla(['graduate', dataDir], {})
    expect(code).toBe(1)
    expect(err).toContain('is in use by another broker')
    expect(broker.port).toBeGreaterThan(0)
  })

  test('names tiered topics, whose older records need an archive', async () => {
    const tieredDir = await mkdtemp(join(tmpdir(), 'ottla-tiered-'))
    try {
      const settings = {
        'remote.log.storage.system.enable': 'true',
        'archive.url': pathToFileURL(join(tieredDir, 'archive')).href,
      }
      {
        await using broker = await startBroker({ dataDir: tieredDir, settings })
        await using kafka = new Kafka({ brokers: broker.address })
        const configs = { 'remote.storage.enable': 'true' }
        await kafka.admin.createTopics([
          { topic: 'history', partitions: 1, configs },
          { topic: 'plain', partitions: 1 },
        ])
      }
      const { code, out, err } = await ottla(['graduate', tieredDir], {})
      expect([code, err]).toEqual([0, ''])
      expect(out).toMatch(/^tiered +history: their archived segments need remote storage set up/m)
      const json = await ottla(['graduate', tieredDir, '-o', 'json'], {})
      expect(JSON.parse(json.out)).toMatchObject({ tiered: ['history'] })
    } finally {
      await rm(tieredDir, { recursive: true, force: true })
    }
  })

  test('refuses the directory of a node that is one of several, as the broker does', async () => {
    const shared = await mkdtemp(join(tmpdir(), 'ottla-voters-'))
    try {
      {
        await using broker = await startBroker({ dataDir: shared })
        expect(broker.port).toBeGreaterThan(0)
      }
      const logDir = join(shared, 'log')
      const properties = readFileSync(join(logDir, 'meta.properties'), 'utf8')
      const own = /^directory\.id=(.*)$/m.exec(properties)?.[1] as string
      addVoters(join(logDir, '__cluster_metadata-0'), [
        { id: 1, directoryId: own },
        { id: 2, directoryId: 'AAECAwQFBgcICQoLDA0ODw' },
      ])
      const refusal = 'Other controllers vote on the metadata of this directory: 2'
      const { code, out, err } = await ottla(['graduate', shared], {})
      expect([code, out]).toEqual([1, ''])
      expect(err).toContain(refusal)
      expect(err).toContain('remove-controller')
      await expect(startBroker({ dataDir: shared })).rejects.toThrow(refusal)
    } finally {
      await rm(shared, { recursive: true, force: true })
    }
  })

  test('wants three nodes', async () => {
    const { code, err } = await ottla(['graduate', dataDir, '--nodes', 'a,b'], {})
    expect(code).toBe(2)
    expect(err).toContain('--nodes names 2 nodes')
  })
})

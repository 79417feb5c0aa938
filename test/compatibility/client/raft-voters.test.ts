/** A controller becomes a voter of the quorum and stops being one (KIP-853), on Apache Kafka. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { freePort, newClusterId, startApacheBroker } from '../support/apache-broker.ts'
import { waitUntil } from '../support/judged-broker.ts'

const WAIT_MS = 60_000

/** Settings of one node of a quorum whose voters are in the metadata, not in a file. */
function settingsOf(id: number, port: number, controller: number, first: number) {
  return {
    'node.id': `${id}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'controller.quorum.voters': '',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${first}`,
    'controller.quorum.auto.join.enable': 'false',
  }
}

async function directoryIdOf(dataDir: string): Promise<string> {
  const text = await readFile(join(dataDir, 'data', 'meta.properties'), 'utf8')
  return /^directory\.id=(.+)$/m.exec(text)?.[1] ?? ''
}

test('a controller joins the voters and leaves them', { timeout: 240_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ottla-voters-'))
  const clusterId = newClusterId()
  const ports = await Promise.all(Array.from({ length: 4 }, freePort))
  const [port1 = 0, controller1 = 0, port2 = 0, controller2 = 0] = ports
  const start = (id: number, port: number, controller: number, formatOptions: string[]) =>
    startApacheBroker({
      ...{ dataDir: join(folder, `${id}`), port, clusterId, heap: '320m', formatOptions },
      overrides: settingsOf(id, port, controller, controller1),
    })
  try {
    await using first = await start(1, port1, controller1, ['--standalone'])
    await using second = await start(2, port2, controller2, ['--no-initial-controllers'])
    await using kafka = new Kafka({ brokers: first.bootstrap })
    const voter = { id: 2, directoryId: await directoryIdOf(second.dataDir) }
    const quorum = () => kafka.admin.describeMetadataQuorum()
    const isObserver = async () => (await quorum()).observers.some(({ id }) => id === 2)
    await waitUntil('the second controller', isObserver, WAIT_MS)

    const listeners = [{ name: 'CONTROLLER', host: '127.0.0.1', port: controller2 }]
    await kafka.admin.addRaftVoter(voter, listeners, { clusterId })
    const voters = async () => (await quorum()).voters.map(({ id }) => id).sort()
    await waitUntil('two voters', async () => (await voters()).join() === '1,2', WAIT_MS)
    const twice = kafka.admin.addRaftVoter(voter, listeners)
    await expect(twice).rejects.toMatchObject({ code: 'DUPLICATE_VOTER' })

    await kafka.admin.removeRaftVoter(voter)
    await waitUntil('one voter', async () => (await voters()).join() === '1', WAIT_MS)
    await expect(kafka.admin.removeRaftVoter(voter)).rejects.toMatchObject({
      code: 'VOTER_NOT_FOUND',
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

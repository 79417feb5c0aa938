/**
 * One directory, several brokers: ottla, then Apache Kafka 4.0, 4.2 or 4.4 in combined mode, then
 * ottla again, each stopped cleanly or with kill -9. Topics, ids, records, offsets, groups of every
 * type, ACLs, users, quotas, settings, a producer's sequence and an open transaction go along.
 *
 * The directory is made with the levels of the release that will open it (`release.version`).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ensureApacheBroker } from '../support/apache-jars.ts'
import { makeAccess, readAccess } from './access.ts'
import { contentsOf, load } from './sample-data.ts'
import { WholeState } from './whole-state.ts'

const TEST_TIMEOUT_MS = 300_000
const SETTINGS = {
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.num.partitions': '3',
  'share.coordinator.state.topic.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  // The records are dated years back, and a slow run lasts until retention looks.
  'log.retention.ms': '-1',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}
const RELEASES = [
  { version: '4.0.0', release: '4.0', hasNewGroups: false },
  { version: '4.2.0', release: '4.2', hasNewGroups: true },
  { version: '4.4.0', release: '4.4', hasNewGroups: true },
] as const
const HOST = '10.0.0.1'

interface Stoppable {
  stop(): Promise<void>
  kill9(): Promise<void>
}

const everything = async (state: WholeState, bootstrap: string) => ({
  contents: await contentsOf(bootstrap),
  access: await readAccess(bootstrap),
  state: await state.read(bootstrap),
})

describe.each(RELEASES)('Apache Kafka $version', ({ version, release, hasNewGroups }) => {
  beforeAll(() => ensureApacheBroker(version))

  test.each(['cleanly', 'by kill -9'])(
    'takes over and gives back, stopped %s',
    {
      timeout: TEST_TIMEOUT_MS,
    },
    async (how) => {
      const end = (broker: Stoppable) => (how === 'cleanly' ? broker.stop() : broker.kill9())
      const dataDir = await mkdtemp(join(tmpdir(), `ottla-life-${release}-`))
      const logDirs = { 'log.dirs': join(dataDir, 'data') }
      const ottlaSettings = { ...SETTINGS, ...logDirs, 'release.version': release }
      const state = new WholeState({ hasNewGroups })
      try {
        const first = await startOttlaProcess({ dataDir, settings: ottlaSettings })
        await load(first.bootstrap)
        await makeAccess(first.bootstrap, 'by-ottla', HOST)
        await state.begin(first.bootstrap)
        const written = await everything(state, first.bootstrap)
        await end(first)

        const options = { dataDir, version, heap: '512m', overrides: SETTINGS }
        const apache = await startApacheBroker(options)
        expect(await everything(state, apache.bootstrap), apache.output()).toEqual(written)
        // On Linux ottla sees that somebody else has the directory.
        const graduated = await ottla(['graduate', join(dataDir, 'data')], {})
        expect(graduated).toMatchObject({ code: 1, err: expect.stringContaining('in use') })
        const goesOn = [
          'again: NONE at 0',
          'too far: OUT_OF_ORDER_SEQUENCE_NUMBER',
          expect.stringMatching(/^first: Ongoing \d+ \d+ life 0$/),
          'stable before its end: false',
          'end: NONE',
        ]
        expect(await state.goOn(apache.bootstrap, 'first', 'second')).toEqual(goesOn)
        await makeAccess(apache.bootstrap, 'by-apache', HOST)
        const continued = await everything(state, apache.bootstrap)
        await end(apache)

        const again = await startOttlaProcess({ dataDir, settings: ottlaSettings })
        expect(await everything(state, again.bootstrap), again.log()).toEqual(continued)
        const second = goesOn.with(2, expect.stringMatching(/^second: Ongoing \d+ \d+ life 0$/))
        expect(await state.goOn(again.bootstrap, 'second', 'third')).toEqual(second)
        await again.stop()
      } finally {
        await rm(dataDir, { recursive: true, force: true })
      }
    },
  )
})

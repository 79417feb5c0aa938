/** Our share consumer and Java's KafkaShareConsumer in one group, on ottla and on Apache Kafka. */
import { Kafka, type ShareRecord } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { ShareMembers } from '../share-groups/share-members.ts'
import { startApacheBroker } from '../support/apache-broker.ts'

const SETTINGS = {
  'group.share.min.heartbeat.interval.ms': '500',
  'group.share.heartbeat.interval.ms': '500',
  'group.share.assignment.interval.ms': '0',
}

describe.each([
  ['ottla', () => startOttlaProcess({ settings: SETTINGS })],
  ['Apache Kafka', () => startApacheBroker({ heap: '512m', overrides: SETTINGS })],
])('a group of both on %s', (_name, start) => {
  let broker: { readonly bootstrap: string; stop(): Promise<void> }
  let java: ShareMembers
  let kafka: Kafka

  beforeAll(async () => {
    broker = await start()
    java = await ShareMembers.start(broker.bootstrap)
    kafka = new Kafka({ brokers: broker.bootstrap })
  })
  afterAll(async () => {
    await kafka?.close()
    await java?.stop()
    await broker?.stop()
  })

  test('each record goes to one of them, and back and forth when it is given back', async () => {
    const topic = uniqueName('both')
    const group = uniqueName('share')
    await kafka.admin.createTopics([{ topic, partitions: 1 }])
    const configs = [{ name: 'share.auto.offset.reset', value: 'earliest' }]
    await kafka.admin.incrementalAlterConfigs([{ type: 'group', name: group, configs }])
    await using producer = kafka.producer({ linger: 0 })
    const send = (count: number) =>
      producer.send(
        topic,
        Array.from({ length: count }, (_, i) => ({ value: `v${i}` })),
      )
    const mode = 'share.acknowledgement.mode=explicit'
    await java.tell(`open j topics=${topic} group.id=${group} ${mode}`)
    // Java's member has the first three in hand when ours begins, and ours the next three.
    await send(3)
    expect(await java.tell('poll j 3')).toMatch(/^got 0:0x1=v0 0:1x1=v1 0:2x1=v2$/)
    await send(3)
    await using ours = kafka.shareConsumer({ group, acknowledgement: 'explicit' })
    const batches = ours.subscribe(topic)[Symbol.asyncIterator]()
    const seen = (records: Iterable<ShareRecord> | undefined) =>
      [...(records ?? [])].map(({ offset, deliveryCount }) => `${offset}x${deliveryCount}`)
    const first = (await batches.next()).value as Iterable<ShareRecord>
    expect(seen(first)).toEqual(['3x1', '4x1', '5x1'])
    // Java gives one back, which comes to us a second time.
    await java.tell('ack j release 1')
    await java.tell('ack j accept 0,2')
    expect(await java.tell('commit j')).toBe('committed 0:fine')
    const second = (await batches.next()).value as Iterable<ShareRecord>
    expect(seen(second)).toEqual(['1x2'])
    // We give one back, which comes to Java a second time.
    for (const record of first) {
      if (record.offset === 4n) record.release()
      else record.accept()
    }
    for (const record of second) record.reject()
    expect(await ours.commit()).toMatchObject([{ error: undefined }])
    await java.tell('ack j accept')
    expect(await java.tell('poll j 1')).toBe('got 0:4x2=v1')
    await java.tell('ack j accept')
    expect(await java.tell('commit j')).toBe('committed 0:fine')
    await waitFor('everything to be done', async () => {
      const [offset] = await kafka.admin.listShareGroupOffsets(group)
      return offset?.lag === 0n
    })
    const [described] = await kafka.admin.describeShareGroups([group])
    expect(described?.members.map(({ clientId }) => clientId).sort()).toEqual(['j', 'ottla'])
    await batches.return?.()
    await java.tell('close j')
  })
})

import { once } from 'node:events'
import { connect } from 'node:net'
import { Kafka } from '@ottla/client'
import { startBroker } from '@ottla/testing'
import { expect, it } from 'vitest'

/** True when the broker keeps a new connection for 100 ms. */
async function isKept(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    const closed = once(socket, 'close').then(() => false)
    const answer = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 100))
    return await Promise.race([closed, answer])
  } finally {
    socket.destroy()
  }
}

it('max.connections takes effect while the broker runs', async () => {
  await using broker = await startBroker()
  await using kafka = new Kafka({ brokers: broker.address })
  const resource = { type: 'broker', name: '' } as const
  expect(await isKept(broker.port)).toBe(true)
  const lower = [{ name: 'max.connections', value: 1 }]
  await kafka.admin.incrementalAlterConfigs([{ ...resource, configs: lower }])
  expect(await isKept(broker.port)).toBe(false)
  const back = [{ name: 'max.connections', operation: 'delete' }] as const
  await kafka.admin.incrementalAlterConfigs([{ ...resource, configs: back }])
  expect(await isKept(broker.port)).toBe(true)
})

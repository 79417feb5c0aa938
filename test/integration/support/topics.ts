import type { Kafka } from '@ottla/client'

let count = 0

/** A topic name no other test uses. */
export const uniqueName = (what: string): string => `${what}-${process.pid}-${++count}`

/** Creates a topic and waits until its partitions have leaders. */
export async function createTopic(
  kafka: Kafka,
  partitions = 1,
  configs: Record<string, string | number> = {},
): Promise<string> {
  const topic = uniqueName('topic')
  await kafka.admin.createTopics([{ topic, partitions, replicationFactor: 1, configs }])
  await waitFor(`leaders of ${topic}`, async () => {
    const all = await kafka.admin.listTopics()
    const found = all.find(({ name }) => name === topic)
    return found?.partitions.length === partitions && found.partitions.every((p) => p.leader >= 0)
  })
  return topic
}

/** Asks again and again until the answer is true; fails after the deadline. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

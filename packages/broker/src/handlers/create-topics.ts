/**
 * CreateTopics (key 19), versions 2-7.
 *
 * Behaviour: the answer comes when the topic is durable and its partitions accept records; -1
 * partitions means num.partitions.
 * Version notes: from 5 the answer holds the effective settings, from 7 the topic id.
 */
import { apis } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { CreatedTopic } from '../metadata/topic-controller.ts'

export const createTopics = handler(
  apis.createTopics,
  { lowest: 2, highest: 7 },
  async (services, _context, request) => {
    const created = await services.topics.create(request.topics, request.validateOnly)
    return { throttleTimeMs: 0, topics: created.map((topic) => withConfigs(services, topic)) }
  },
)

function withConfigs(services: BrokerServices, topic: CreatedTopic): CreatedTopic {
  if (topic.errorCode !== 0) return topic
  return {
    ...topic,
    configs: services.configs.describeTopic(topic.name).map((config) => ({
      name: config.name,
      value: config.value,
      readOnly: config.isReadOnly,
      configSource: config.source,
      isSensitive: config.isSensitive,
    })),
  }
}

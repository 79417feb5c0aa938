/**
 * DeleteTopics (key 20), versions 1-6.
 *
 * Behaviour: the topic is gone from the metadata when the answer comes; its directories are renamed
 * and removed after file.delete.delay.ms. Internal topics can be deleted, as in Apache Kafka.
 * Version notes: topic ids from 6; naming both id and name is INVALID_REQUEST.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  apis,
  type DeleteTopicsResponse,
  type ErrorName,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { TopicImage } from '../metadata/metadata-image.ts'
import { forgetDeletedTopics } from '../share/share-offsets.ts'

type Answer = InferInput<typeof DeleteTopicsResponse>['responses'][number]

export const deleteTopics = handler(
  apis.deleteTopics,
  { lowest: 1, highest: 6 },
  async (services, { apiVersion }, request) => {
    const wanted =
      apiVersion >= 6
        ? request.topics
        : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
    const found = new Set<TopicImage>()
    const responses: Answer[] = []
    for (const { name, topicId } of wanted) {
      const topic = find(services, apiVersion, name, topicId)
      if (typeof topic === 'string') responses.push(refused(name, topicId, topic))
      else if (found.has(topic)) responses.push(refused(name, topicId, 'INVALID_REQUEST'))
      else {
        found.add(topic)
        responses.push({ name: topic.name, topicId: topic.id, errorCode: 0 })
      }
    }
    if (found.size > 0) {
      await services.topics.delete([...found])
      await services.groups.forgetTopics(new Set([...found].map((topic) => topic.name)))
      await forgetDeletedTopics(services, new Set([...found].map((topic) => topic.id)))
    }
    return { throttleTimeMs: 0, responses }
  },
)

function find(
  services: BrokerServices,
  apiVersion: number,
  name: string | null,
  topicId: string,
): TopicImage | ErrorName {
  if (!services.config.get('delete.topic.enable')) {
    return apiVersion < 3 ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED'
  }
  const { image } = services
  if (name !== null) {
    if (topicId !== ZERO_UUID) return 'INVALID_REQUEST'
    return image.topics.get(name) ?? 'UNKNOWN_TOPIC_OR_PARTITION'
  }
  if (topicId === ZERO_UUID) return 'INVALID_REQUEST'
  return image.topicsById.get(topicId) ?? 'UNKNOWN_TOPIC_ID'
}

const refused = (name: string | null, topicId: string, error: ErrorName): Answer => ({
  name,
  topicId,
  errorCode: errorCode(error),
  errorMessage: error,
})

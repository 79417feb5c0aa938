/**
 * CreatePartitions (key 37), versions 0-3.
 *
 * Behaviour: the number of partitions can only grow; every topic of the request is answered.
 */
import { apis, type CreatePartitionsResponse, errorCode, type InferInput } from '@ottla/protocol'
import { handler } from '../handler.ts'
import { Refusal } from '../metadata/topic-controller.ts'

type Answer = InferInput<typeof CreatePartitionsResponse>['results'][number]

export const createPartitions = handler(
  apis.createPartitions,
  { lowest: 0, highest: 3 },
  async (services, _context, request) => {
    const names = request.topics.map((topic) => topic.name)
    const results: Answer[] = []
    for (const topic of request.topics) {
      const { name } = topic
      if (names.indexOf(name) !== names.lastIndexOf(name)) {
        const isFirst = !results.some((result) => result.name === name)
        if (isFirst)
          results.push(refused(name, new Refusal('INVALID_REQUEST', 'Duplicate topic name.')))
        continue
      }
      try {
        await services.topics.createPartitions(topic, request.validateOnly)
        results.push({ name, errorCode: 0 })
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        results.push(refused(name, error))
      }
    }
    return { throttleTimeMs: 0, results }
  },
)

const refused = (name: string, refusal: Refusal): Answer => ({
  name,
  errorCode: errorCode(refusal.error),
  errorMessage: refusal.message,
})

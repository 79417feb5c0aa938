/** From what a directory holds to the configuration and the steps that fit it. */
import type { MetadataImage } from '@ottla/broker'
import { type GrowthStep, growthSteps, type PartitionToMove } from './growth-steps.ts'
import type { Node } from './nodes.ts'
import { oneNodeSettings, propertiesText } from './properties.ts'
import type { Survey } from './survey.ts'

export interface Plan {
  /** server.properties of the one node. */
  readonly properties: string
  readonly steps: readonly GrowthStep[]
}

const TOPIC = 2
const MIN_ISR = 'min.insync.replicas'

export function planFor(survey: Survey, nodes: readonly Node[]): Plan {
  const { image, clusterId, kraftVersion } = survey
  const context = { isQuorumDynamic: kraftVersion > 0, hasAcls: image.acls.size > 0 }
  const [first] = nodes as [Node]
  return {
    properties: propertiesText(oneNodeSettings(first, context)),
    steps: growthSteps({
      ...context,
      clusterId,
      nodes,
      partitions: partitionsOf(image),
      topicsWithMinIsr: image
        .configuredResources(TOPIC)
        .filter((topic) => image.config(TOPIC, topic)?.has(MIN_ISR)),
    }),
  }
}

export const partitionsOf = (image: MetadataImage): PartitionToMove[] =>
  [...image.topics.values()]
    .flatMap(({ name, partitions }) =>
      partitions.map(({ partition }) => ({ topic: name, partition })),
    )
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))

/** What the metadata log says about directories: topics with their ids, and log directories. */
import type { Uuid } from '@ottla/base'
import {
  MalformedMessageError,
  openMetadataFrame,
  type RecordBatch,
  readerOf,
} from '@ottla/protocol'
import type { FileSystem } from '../file-system.ts'
import { fileKindOf, offsetInName } from './file-kind.ts'
import { walkBatches } from './walk-segment.ts'

export interface TopicFacts {
  readonly id: Uuid
  /** By partition, the directories of its replicas by node. */
  readonly partitions: Map<number, ReadonlyMap<number, Uuid>>
}

export class MetadataFacts {
  readonly topics = new Map<string, TopicFacts>()
  readonly features = new Map<string, number>()
  /** Log directories that brokers have registered, by node. */
  readonly logDirs = new Map<number, readonly Uuid[]>()
  private readonly names = new Map<Uuid, string>()

  topicOf(id: Uuid): TopicFacts | undefined {
    return this.topics.get(this.names.get(id) ?? '')
  }

  replay(batch: RecordBatch): void {
    if (batch.isControl) return
    try {
      for (const { value } of batch.records()) if (value) this.apply(value)
    } catch (error) {
      // Told where the log itself is looked at.
      if (!(error instanceof MalformedMessageError)) throw error
    }
  }

  private apply(bytes: Buffer): void {
    const { message, version, reader } = openMetadataFrame(bytes)
    const value = readerOf(message, version)(reader) as unknown as Values
    switch (message.name) {
      case 'TopicRecord':
        this.topics.set(value.name, { id: value.topicId, partitions: new Map() })
        this.names.set(value.topicId, value.name)
        break
      case 'RemoveTopicRecord':
        this.topics.delete(this.names.get(value.topicId) ?? '')
        this.names.delete(value.topicId)
        break
      case 'PartitionRecord':
      case 'PartitionChangeRecord':
        this.place(value)
        break
      case 'RegisterBrokerRecord':
        this.logDirs.set(value.brokerId, value.logDirs)
        break
      case 'FeatureLevelRecord':
        this.features.set(value.name, value.featureLevel)
        break
      default:
    }
  }

  private place({ topicId, partitionId, replicas, directories }: Values): void {
    const topic = this.topicOf(topicId)
    if (!topic || !directories) return
    const nodes = replicas ?? [...(topic.partitions.get(partitionId)?.keys() ?? [])]
    topic.partitions.set(partitionId, new Map(nodes.map((node, i) => [node, directories[i] ?? ''])))
  }
}

/** The fields of the records above. */
interface Values {
  readonly name: string
  readonly topicId: Uuid
  readonly partitionId: number
  readonly replicas: readonly number[] | null
  readonly directories: readonly Uuid[] | null
  readonly brokerId: number
  readonly logDirs: readonly Uuid[]
  readonly featureLevel: number
}

/** Reads the newest snapshot and the log behind it; what is damaged is passed over. */
export async function readMetadataFacts(
  fileSystem: FileSystem,
  directory: string,
): Promise<MetadataFacts | undefined> {
  const names = (fileSystem.list(directory) ?? []).map(({ name }) => name).sort()
  if (names.length === 0) return undefined
  const facts = new MetadataFacts()
  const snapshot = names.filter((name) => /^\d{20}-\d{10}\.checkpoint$/.test(name)).at(-1)
  if (snapshot) await replayFile(fileSystem, `${directory}/${snapshot}`, facts, 0)
  const from = snapshot ? offsetInName(snapshot) : 0
  for (const name of names.filter((name) => fileKindOf(name) === 'segment')) {
    await replayFile(fileSystem, `${directory}/${name}`, facts, from)
  }
  return facts
}

async function replayFile(
  fileSystem: FileSystem,
  path: string,
  facts: MetadataFacts,
  from: number,
): Promise<void> {
  const file = fileSystem.open(path, 'read')
  try {
    for await (const step of walkBatches(file, 0)) {
      if (step.kind === 'batch' && step.batch.lastOffset >= from) facts.replay(step.batch)
    }
  } finally {
    file.close()
  }
}

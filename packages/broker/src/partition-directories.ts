/**
 * Which log directory each partition lies in, as the metadata log has it and as it is: made to
 * agree at the start, and kept in agreement when partitions move.
 */
import type { Uuid } from '@ottla/base'
import type { LogDirectories } from '@ottla/storage'
import type { MetadataImage } from './metadata/metadata-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata/metadata-record.ts'
import type { MetadataStore } from './metadata/metadata-store.ts'
import type { Partitions } from './partitions.ts'

interface Directories {
  readonly logs: LogDirectories
  readonly metadata: MetadataStore
  readonly image: MetadataImage
  readonly partitions: Partitions
}

/** Opens no partition, but knows of all of them when it resolves. */
export async function settleDirectories(on: Directories): Promise<void> {
  const { logs, metadata, image, partitions } = on
  const commit = (topic: string, partition: number, directoryId: Uuid) =>
    metadata.change((current) => {
      const record = assignment(current, { topic, partition, directoryId })
      if (!record) throw new Error(`${topic}-${partition} is no more`)
      return { records: [record], response: undefined }
    })
  const interrupted = await logs.moves.settleAfterStart(assignments(image), commit)
  for (const topic of image.topics.values()) partitions.add(topic)
  partitions.reportStrays()
  await metadata.change((current) => ({ records: corrections(on, current), response: undefined }))
  for (const { topic, partition, target } of interrupted) {
    // A move that fails is reported where it fails; the partition stays where it is.
    logs.moves.start(topic, partition, target).catch(() => undefined)
  }
}

function* assignments(image: MetadataImage) {
  for (const { name, partitions } of image.topics.values()) {
    for (const { partition, directories } of partitions) {
      yield { topic: name, partition, directoryId: directories[0] }
    }
  }
}

/** Partitions that somebody put elsewhere by hand, or that had no directory yet. */
function corrections({ logs }: Directories, image: MetadataImage): MetadataRecord[] {
  const records: MetadataRecord[] = []
  for (const { topic, partition, directoryId } of assignments(image)) {
    const owner = logs.ownerOf(topic, partition)
    if (!owner || owner.directoryId === directoryId) continue
    const moved = assignment(image, { topic, partition, directoryId: owner.directoryId })
    if (moved) records.push(moved)
  }
  return records
}

function assignment(
  image: MetadataImage,
  { topic, partition, directoryId }: { topic: string; partition: number; directoryId: Uuid },
): MetadataRecord | undefined {
  const found = image.topics.get(topic)
  if (!found?.partitions[partition]) return undefined
  return metadataRecord('PartitionChangeRecord', {
    partitionId: partition,
    topicId: found.id,
    directories: [directoryId],
  })
}

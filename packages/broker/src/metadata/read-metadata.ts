/** The metadata of a directory that no broker has open, read without changing anything. */
import { type FileSystem, fileKindOf, offsetInName, walkBatches } from '@ottla/storage'
import { MetadataImage } from './metadata-image.ts'
import { listSnapshots, metadataRecordsOf, readSnapshot } from './metadata-snapshot.ts'
import { QuorumImage } from './quorum-image.ts'
import { METADATA_TOPIC } from './topic-names.ts'

export interface OfflineMetadata {
  readonly image: MetadataImage
  readonly quorum: QuorumImage
  /** First offset behind what was read. */
  readonly endOffset: number
  readonly snapshots: number
}

/**
 * Replays the newest snapshot and the log behind it. A torn end is left out, as a start would cut
 * it off; damage is told by a verification. Undefined when the directory has no metadata log.
 */
export async function readMetadata(
  fileSystem: FileSystem,
  logDir: string,
): Promise<OfflineMetadata | undefined> {
  const directory = `${logDir}/${METADATA_TOPIC}-0`
  const entries = fileSystem.list(directory)
  if (!entries) return undefined
  const [image, quorum] = [new MetadataImage(), new QuorumImage()]
  const snapshots = listSnapshots(fileSystem, directory)
  const newest = snapshots.at(-1)
  for (const batch of newest ? readSnapshot(fileSystem, newest.path) : []) {
    quorum.replay(batch)
    for (const record of metadataRecordsOf(batch)) image.replay(record)
  }
  let endOffset = newest?.endOffset ?? 0
  const names = entries.map(({ name }) => name).filter((name) => fileKindOf(name) === 'segment')
  for (const name of names.sort()) {
    const file = fileSystem.open(`${directory}/${name}`, 'read')
    try {
      for await (const step of walkBatches(file, offsetInName(name))) {
        if (step.kind === 'gap' || step.batch.lastOffset < endOffset) continue
        const skipped = Math.max(0, endOffset - step.batch.baseOffset)
        quorum.replay(step.batch)
        for (const record of metadataRecordsOf(step.batch).slice(skipped)) image.replay(record)
        endOffset = step.batch.lastOffset + 1
      }
    } finally {
      file.close()
    }
  }
  return { image, quorum, endOffset, snapshots: snapshots.length }
}

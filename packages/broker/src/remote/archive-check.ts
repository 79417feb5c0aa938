/**
 * Compares what lies in the archive with what `__remote_log_metadata` says of it. Pure.
 *
 * The objects must have been listed before the metadata was read to its end: a copy tells of itself
 * before it puts its first object, so that no object can then be unknown that is not an orphan.
 */
import type { RemoteSegment } from './remote-log-records.ts'
import { SegmentState, type TieredPartition } from './remote-log-records.ts'
import type { RemoteSegments } from './remote-segments.ts'
import { objectKey, objectsOf, parseObjectKey } from './segment-objects.ts'
import type { RemoteStore, StoredObject } from './store/remote-store.ts'

export type ArchiveFinding =
  /** An object that no record tells of: deleting it loses nothing. */
  | { readonly kind: 'orphan'; readonly key: string; readonly size: number }
  /** Something in the archive that no archive puts there; it is left alone. */
  | { readonly kind: 'foreign'; readonly key: string; readonly size: number }
  /** Readers are promised the object, and it is not there. */
  | { readonly kind: 'missing'; readonly key: string }
  | {
      readonly kind: 'wrong size'
      readonly key: string
      readonly size: number
      readonly wanted: number
    }
  /** A copy or a deletion that has not ended: the broker is at it, or ends it at its next round. */
  | { readonly kind: 'unfinished'; readonly of: TieredPartition; readonly segment: RemoteSegment }
  /** Offsets between two archived segments that neither of them has. */
  | {
      readonly kind: 'gap'
      readonly of: TieredPartition
      readonly from: number
      readonly to: number
    }

export interface ArchiveCheck {
  readonly objects: number
  readonly bytes: number
  readonly segments: number
  readonly findings: readonly ArchiveFinding[]
}

/** Findings that mean that records may be lost. */
export const isLoss = ({ kind }: ArchiveFinding): boolean =>
  kind === 'missing' || kind === 'wrong size' || kind === 'gap'

export async function listObjects(store: RemoteStore): Promise<StoredObject[]> {
  const objects: StoredObject[] = []
  for await (const object of store.list('')) objects.push(object)
  return objects
}

export function checkArchive(
  objects: readonly StoredObject[],
  partitions: readonly RemoteSegments[],
): ArchiveCheck {
  const findings: ArchiveFinding[] = []
  const told = new Map<string, Told>()
  let segments = 0
  for (const partition of partitions) {
    const { of } = partition
    for (const segment of partition.all()) {
      segments++
      if (segment.state !== SegmentState.COPY_FINISHED) {
        findings.push({ kind: 'unfinished', of, segment })
      }
      told.set(segment.id, { of, segment })
    }
    findings.push(...gapsOf(partition))
  }
  const sizes = new Map<string, number>()
  let bytes = 0
  for (const { key, size } of objects) {
    bytes += size
    sizes.set(key, size)
    const parsed = parseObjectKey(key)
    if (!parsed) findings.push({ kind: 'foreign', key, size })
    else if (!isTold(key, parsed, told)) findings.push({ kind: 'orphan', key, size })
  }
  for (const { of, segment } of told.values()) {
    if (segment.state === SegmentState.COPY_FINISHED) findings.push(...lacksOf(of, segment, sizes))
  }
  return { objects: objects.length, bytes, segments, findings }
}

interface Told {
  readonly of: TieredPartition
  readonly segment: RemoteSegment
}

function isTold(
  key: string,
  parsed: NonNullable<ReturnType<typeof parseObjectKey>>,
  told: ReadonlyMap<string, Told>,
): boolean {
  const known = told.get(parsed.segmentId)
  return known !== undefined && objectKey(known.of, known.segment, parsed.object) === key
}

function lacksOf(
  of: TieredPartition,
  segment: RemoteSegment,
  sizes: ReadonlyMap<string, number>,
): ArchiveFinding[] {
  const findings: ArchiveFinding[] = []
  for (const object of objectsOf(segment)) {
    const key = objectKey(of, segment, object)
    const size = sizes.get(key)
    if (size === undefined) findings.push({ kind: 'missing', key })
    else if (object === 'log' && size !== segment.sizeBytes) {
      findings.push({ kind: 'wrong size', key, size, wanted: segment.sizeBytes })
    }
  }
  return findings
}

function gapsOf({ of, segments }: RemoteSegments): ArchiveFinding[] {
  const findings: ArchiveFinding[] = []
  let next: number | undefined
  for (const { startOffset, endOffset } of segments) {
    if (next !== undefined && startOffset > next) {
      findings.push({ kind: 'gap', of, from: next, to: startOffset })
    }
    next = Math.max(next ?? 0, endOffset + 1)
  }
  return findings
}

/** Deletes the orphans; returns how many. */
export async function deleteOrphans(store: RemoteStore, check: ArchiveCheck): Promise<number> {
  let deleted = 0
  for (const finding of check.findings) {
    if (finding.kind !== 'orphan') continue
    await store.delete(finding.key)
    deleted++
  }
  return deleted
}

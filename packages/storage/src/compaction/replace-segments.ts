/**
 * A log takes over a segment that a cleaning has made, in place of those it stands for. Each step
 * is durable before the next one begins, so that a crash leaves the old segments or the new one:
 *
 *   .log.cleaned  .index.cleaned ...      complete and synced; thrown away at a start
 *   1. indexes    .cleaned -> .swap
 *   2. log        .cleaned -> .swap       from here on a start completes the swap
 *   3. old files  -> .deleted, new indexes -> their names
 *   4. log        .swap -> .log, and the log's list of segments changes
 *
 * Until 4 readers use the old segments, whose files and indexes are held open meanwhile.
 * `segment-swap.ts` does at a start what is missing of 3 and 4.
 */
import type { FileSystem } from '../file-system.ts'
import type { LogContext } from '../log-context.ts'
import type { LogState } from '../log-state.ts'
import { Segment, type SegmentFile } from '../segment.ts'
import { CLEANED } from './segment-output.ts'

const INDEXES = ['index', 'timeindex', 'txnindex'] as const
const SWAP = '.swap'

/** Where in the list of segments those with these base offsets lie; -1 when they changed. */
export function placeOfSources(state: LogState, sources: readonly number[]): number {
  const at = state.segments.findIndex((segment) => segment.baseOffset === sources[0])
  const isSame = sources.every((base, i) => state.segments[at + i]?.baseOffset === base)
  // The last segment grows, and so does the one that the running round writes to.
  const behind = state.segments[at + sources.length]
  const isSealed = behind && behind.baseOffset <= state.durable.mark.segment.baseOffset
  return at >= 0 && isSame && isSealed ? at : -1
}

/** Resolves with the base offset of the segment behind, or undefined when the sources changed. */
export async function replaceSegments(
  context: LogContext,
  state: LogState,
  sources: readonly number[],
  deleteDelayMs: number,
): Promise<number | undefined> {
  const { fileSystem } = context
  const at = placeOfSources(state, sources)
  if (at < 0) return undefined
  const old = state.segments.slice(at, at + sources.length)
  const nextBase = state.segments[at + sources.length]?.baseOffset
  const segment = newSegment(fileSystem, old)
  const sync = () => context.directorySyncs.sync(state.directory)
  const rename = (suffix: SegmentFile, from: string, to: string) => {
    const path = segment.path(suffix)
    if (fileSystem.stat(path + from)) fileSystem.rename(path + from, path + to)
  }
  for (const suffix of INDEXES) rename(suffix, CLEANED, SWAP)
  await sync()
  rename('log', CLEANED, SWAP)
  await sync()
  for (const source of old) {
    context.openFiles.acquire(source)
    source.holdIndexes(fileSystem)
  }
  const deleted = renameAway(fileSystem, old)
  for (const suffix of INDEXES) rename(suffix, SWAP, '')
  await sync()
  rename('log', SWAP, '')
  state.segments.splice(state.segments.indexOf(old[0] as Segment), old.length, segment)
  for (const source of old) {
    context.indexCache.forget(source)
    context.openFiles.release(source)
    context.openFiles.drop(source)
  }
  await sync()
  context.deletions.schedule(deleted, deleteDelayMs)
  return nextBase
}

function newSegment(fileSystem: FileSystem, old: readonly Segment[]): Segment {
  const [first] = old as [Segment]
  const { directory, baseOffset, createdMs } = first
  const segment = new Segment(directory, baseOffset, { createdMs, isNew: false })
  segment.size = fileSystem.stat(segment.path('log') + CLEANED)?.size ?? 0
  segment.isCreated = true
  return segment
}

function renameAway(fileSystem: FileSystem, old: readonly Segment[]): string[] {
  const deleted: string[] = []
  for (const segment of old) {
    for (const suffix of ['log', ...INDEXES] as const) {
      const path = segment.path(suffix)
      if (!fileSystem.stat(path)) continue
      fileSystem.rename(path, `${path}.deleted`)
      deleted.push(`${path}.deleted`)
    }
  }
  return deleted
}

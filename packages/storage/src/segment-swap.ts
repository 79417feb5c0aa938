/**
 * What an interrupted compaction or deletion leaves in a partition directory.
 *
 *   *.cleaned             output that was not finished: removed
 *   *.swap                finished output whose renaming was interrupted: completed
 *   *.deleted             removed
 *   *.tmp                 small file that was being replaced: removed
 *   indexes without log   removed
 *
 * A `.log.swap` replaces every segment whose base offset lies between its first and its last
 * offset. Its own index files carry the same suffix; when they lack they are rebuilt.
 */
import { BATCH_OVERHEAD, lastOffsetOf } from '@ottla/protocol'
import type { FileSystem } from './file-system.ts'
import { scanBatches } from './segment-scan.ts'

export async function finishSwaps(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = (fileSystem.list(directory) ?? []).map((entry) => entry.name)
  const swaps = names.filter((name) => name.endsWith('.swap'))
  if (swaps.length === 0) return
  for (const swap of swaps.filter((name) => name.endsWith('.log.swap'))) {
    const base = Number(swap.slice(0, 20))
    const last = await lastOffsetIn(fileSystem, `${directory}/${swap}`, base)
    for (const name of names) {
      const live = /^(\d{20})\.(log|index|timeindex|txnindex)$/.exec(name)?.[1]
      if (live === undefined || Number(live) < base || Number(live) > last) continue
      if (fileSystem.stat(`${directory}/${name}`)) fileSystem.unlink(`${directory}/${name}`)
    }
  }
  for (const swap of swaps) {
    fileSystem.rename(`${directory}/${swap}`, `${directory}/${swap.slice(0, -'.swap'.length)}`)
  }
  await fileSystem.syncDirectory(directory)
}

async function lastOffsetIn(fileSystem: FileSystem, path: string, base: number): Promise<number> {
  const file = fileSystem.open(path, 'read')
  let last = base
  try {
    const range = { from: 0, end: file.size(), nextOffset: base }
    await scanBatches(file, range, {
      needsBody: () => false,
      visit: (chunk, at) => {
        if (chunk.length - at >= BATCH_OVERHEAD) last = lastOffsetOf(chunk, at)
      },
    })
  } finally {
    file.close()
  }
  return last
}

const LEFTOVER = /\.(deleted|cleaned|tmp)$/
const SIDE_FILE = /^(\d{20})\.(index|timeindex|txnindex)$/

export async function removeLeftovers(fileSystem: FileSystem, directory: string): Promise<void> {
  const entries = fileSystem.list(directory) ?? []
  const names = new Set(entries.map((entry) => entry.name))
  const leftovers = [...names].filter((name) => {
    const base = SIDE_FILE.exec(name)?.[1]
    return LEFTOVER.test(name) || (base !== undefined && !names.has(`${base}.log`))
  })
  for (const name of leftovers) fileSystem.unlink(`${directory}/${name}`)
  if (leftovers.length > 0) await fileSystem.syncDirectory(directory)
}

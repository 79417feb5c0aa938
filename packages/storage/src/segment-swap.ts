/**
 * What an interrupted compaction or deletion leaves in a partition directory.
 *
 *   *.cleaned             output that was not finished: removed
 *   *.swap                finished output whose renaming was interrupted: completed, unless a
 *                         `.cleaned` of the same or a lower offset says that it had only begun
 *   *.deleted             removed
 *   *.tmp                 small file that was being replaced: removed
 *   indexes without log   removed
 *
 * A `.log.swap` replaces every segment whose base offset lies between its first and its last
 * offset. Its own index files carry the same suffix; when they lack they are rebuilt. The log gets
 * its name last: as long as it has the suffix, the next start begins the swap again.
 */
import { BATCH_OVERHEAD, lastOffsetOf } from '@ottla/protocol'
import type { FileSystem } from './file-system.ts'
import { scanBatches } from './segment-scan.ts'

const SWAP = '.swap'
const LIVE = /^(\d{20})\.(log|index|timeindex|txnindex)$/

const baseOf = (name: string): number => Number(name.slice(0, 20))

export async function finishSwaps(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = (fileSystem.list(directory) ?? []).map((entry) => entry.name)
  const swaps = names.filter((name) => name.endsWith(SWAP))
  if (swaps.length === 0) return
  const begun = Math.min(...names.filter((name) => name.endsWith('.cleaned')).map(baseOf))
  const remove = (name: string) => {
    if (fileSystem.stat(`${directory}/${name}`)) fileSystem.unlink(`${directory}/${name}`)
  }
  for (const name of swaps) if (baseOf(name) >= begun) remove(name)
  const whole = swaps.filter((name) => baseOf(name) < begun)
  const logs = whole.filter((name) => name.endsWith('.log.swap'))
  for (const swap of logs) {
    const base = baseOf(swap)
    const last = await lastOffsetIn(fileSystem, `${directory}/${swap}`, base)
    for (const name of names) {
      if (LIVE.test(name) && baseOf(name) >= base && baseOf(name) <= last) remove(name)
    }
  }
  const rename = (name: string) => {
    fileSystem.rename(`${directory}/${name}`, `${directory}/${name.slice(0, -SWAP.length)}`)
  }
  for (const name of whole) if (!logs.includes(name)) rename(name)
  await fileSystem.syncDirectory(directory)
  if (logs.length === 0) return
  for (const name of logs) rename(name)
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

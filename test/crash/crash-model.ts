/**
 * What a partition must look like after a crash, kept beside the real log by the crash tests.
 *
 * The model is a list of batches in the order in which they were appended. At any moment a crash
 * may leave any prefix of it that contains everything visible (below the high watermark), byte for
 * byte, and nothing else.
 */
import {
  addSequence,
  baseOffsetOf,
  lastOffsetOf,
  leaderEpochOf,
  readBatches,
} from '@ottla/protocol'
import type { PartitionLog } from '@ottla/storage'

export interface ModelBatch {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  /** -1 without producer. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly kind: 'plain' | 'transactional' | 'commit' | 'abort'
}

/** One incarnation of a partition: a topic that is deleted and made anew begins another. */
export class PartitionModel {
  readonly topic: string
  readonly topicId: string
  batches: ModelBatch[] = []
  /** DeleteRecords up to here was acknowledged. */
  logStartAcknowledged = 0
  state: 'creating' | 'live' | 'deleting' = 'creating'
  log: PartitionLog | undefined

  constructor(topic: string, topicId: string) {
    this.topic = topic
    this.topicId = topicId
  }
}

/** The model of one partition at the moment of a crash. */
export interface PartitionExpectation {
  readonly topic: string
  readonly topicId: string
  readonly batches: readonly ModelBatch[]
  /** Batches that had been appended. */
  readonly sent: number
  /** Everything below was visible to consumers or acknowledged to producers. */
  readonly highWatermark: number
  readonly logStartMin: number
  readonly logStartMax: number
  readonly state: 'creating' | 'live' | 'deleting'
}

export function expectationOf(model: PartitionModel): PartitionExpectation {
  const isOpen = model.log?.isOpen === true
  return {
    topic: model.topic,
    topicId: model.topicId,
    batches: model.batches,
    sent: model.batches.length,
    highWatermark: isOpen
      ? (model.log?.highWatermark ?? 0)
      : (model.batches.at(-1)?.lastOffset ?? -1) + 1,
    logStartMin: model.logStartAcknowledged,
    logStartMax: isOpen ? (model.log?.logStartOffset ?? 0) : Number.POSITIVE_INFINITY,
    state: model.state,
  }
}

/** Something that must not happen. */
export class Violation extends Error {}

export function must(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Violation(message)
}

/** Reads the whole log back and compares; returns the batches that survived. */
export async function checkRecovered(
  log: PartitionLog,
  expected: PartitionExpectation,
): Promise<ModelBatch[]> {
  const name = `${expected.topic}-0`
  must(log.corruptRanges.length === 0, `${name}: a crash was taken for corruption`)
  must(
    log.logEndOffset >= expected.highWatermark,
    `${name}: log ends at ${log.logEndOffset}, but ${expected.highWatermark} was visible`,
  )
  must(log.logStartOffset >= expected.logStartMin, `${name}: deleted records came back`)
  must(
    log.logStartOffset <= Math.max(expected.logStartMax, 0),
    `${name}: log start ${log.logStartOffset} is beyond ${expected.logStartMax}`,
  )
  const survivors = expected.batches
    .slice(0, expected.sent)
    .filter((batch) => batch.baseOffset < log.logEndOffset)
  const end = (survivors.at(-1)?.lastOffset ?? -1) + 1
  must(log.logEndOffset === end, `${name}: log end ${log.logEndOffset} is no batch end (${end})`)
  await compareBytes(log, survivors, name)
  compareIndexes(log, name)
  compareEpochs(log, survivors, name)
  compareTransactions(log, survivors, name)
  compareProducers(log, survivors, name)
  return survivors
}

export async function compareBytes(
  log: PartitionLog,
  survivors: readonly ModelBatch[],
  name: string,
) {
  let offset = log.logStartOffset
  const byOffset = new Map(survivors.map((batch) => [batch.baseOffset, batch]))
  while (offset < log.logEndOffset) {
    const result = await log.read(offset, {
      bytesMax: 4096,
      upTo: 'high-watermark',
      atLeastOneBatch: true,
    })
    must(result.size > 0, `${name}: nothing to read at ${offset} below ${log.logEndOffset}`)
    const bytes = Buffer.concat(result.chunks as Buffer[])
    result.release()
    let at = 0
    for (const batch of readBatches(bytes)) {
      const model = byOffset.get(batch.baseOffset)
      must(model, `${name}: offset ${batch.baseOffset} was never written`)
      const size = model.bytes.length
      must(
        bytes.subarray(at, at + size).equals(model.bytes),
        `${name}: batch ${batch.baseOffset} altered`,
      )
      must(offset >= batch.baseOffset && offset <= model.lastOffset, `${name}: gap at ${offset}`)
      offset = model.lastOffset + 1
      at += size
    }
  }
}

/** Every entry of every index in memory or on disk points at the batch it names. */
function compareIndexes(log: PartitionLog, name: string): void {
  for (const segment of log.state.segments) {
    const index = segment.offsetIndex(log.fileSystem)
    const fault = index.fault(segment.size) ?? segment.timeIndex(log.fileSystem).fault()
    must(fault === undefined, `${name}: index of segment ${segment.baseOffset}: ${fault}`)
    const file = segment.size > 0 ? log.fileSystem.open(segment.path('log'), 'read') : undefined
    const header = Buffer.alloc(61)
    for (let entry = 0; entry < index.count; entry++) {
      file?.read(header, index.positionAt(entry))
      const found = lastOffsetOf(header) - segment.baseOffset
      must(
        found === index.relativeOffsetAt(entry),
        `${name}: index entry ${entry} of segment ${segment.baseOffset} is wrong`,
      )
    }
    file?.close()
  }
}

function compareEpochs(log: PartitionLog, survivors: readonly ModelBatch[], name: string): void {
  const starts = new Map<number, number>()
  for (const batch of survivors) {
    if (!starts.has(batch.leaderEpoch)) starts.set(batch.leaderEpoch, batch.baseOffset)
  }
  for (const { epoch, startOffset } of log.state.epochs.entries) {
    const start = starts.get(epoch)
    must(start !== undefined, `${name}: unknown leader epoch ${epoch}`)
    const isRight = startOffset === start || (start < log.logStartOffset && startOffset >= start)
    must(isRight, `${name}: leader epoch ${epoch} begins at ${startOffset} instead of ${start}`)
  }
  const last = survivors.at(-1)
  if (last && last.lastOffset >= log.logStartOffset) {
    must(
      log.leaderEpoch === last.leaderEpoch,
      `${name}: leader epoch ${log.leaderEpoch} instead of ${last.leaderEpoch}`,
    )
  }
}

function compareTransactions(log: PartitionLog, survivors: readonly ModelBatch[], name: string) {
  const open = new Map<number, number>()
  const aborted: string[] = []
  for (const batch of survivors) {
    if (batch.kind === 'transactional' && !open.has(batch.producerId)) {
      open.set(batch.producerId, batch.baseOffset)
    }
    if (batch.kind !== 'commit' && batch.kind !== 'abort') continue
    const first = open.get(batch.producerId)
    open.delete(batch.producerId)
    if (batch.kind === 'abort' && first !== undefined)
      aborted.push(`${batch.producerId}:${first}-${batch.baseOffset}`)
  }
  const stable = Math.min(log.highWatermark, ...open.values())
  must(
    log.lastStableOffset === stable,
    `${name}: last stable offset ${log.lastStableOffset} instead of ${stable}`,
  )
  const found = log.state.segments.flatMap((segment) =>
    segment
      .abortedTransactions(log.fileSystem)
      .map((entry) => `${entry.producerId}:${entry.firstOffset}-${entry.lastOffset}`),
  )
  const first = log.state.segments[0]?.baseOffset ?? 0
  const wanted = aborted.filter((text) => Number(text.split('-')[1]) >= first)
  must(
    found.join() === wanted.join(),
    `${name}: aborted transactions ${found.join()} instead of ${wanted.join()}`,
  )
}

/** Each producer's last batch is known, so a retry is answered and a hole is refused. */
function compareProducers(log: PartitionLog, survivors: readonly ModelBatch[], name: string): void {
  const last = new Map<number, ModelBatch>()
  for (const batch of survivors) {
    if (batch.kind === 'plain' || batch.kind === 'transactional') last.set(batch.producerId, batch)
  }
  last.delete(-1)
  const known = new Map([...log.producers().all()].map((entry) => [entry.producerId, entry]))
  for (const [producerId, batch] of last) {
    const entry = known.get(producerId)
    must(entry, `${name}: producer ${producerId} forgotten`)
    must(
      entry.producerEpoch === batch.producerEpoch,
      `${name}: producer ${producerId} has epoch ${entry.producerEpoch}`,
    )
    const sequence = addSequence(batch.baseSequence, batch.lastOffset - batch.baseOffset)
    const stored = entry.batches.at(-1)
    must(
      stored?.lastSequence === sequence && stored.lastOffset === batch.lastOffset,
      `${name}: producer ${producerId} stands at ${stored?.lastSequence} instead of ${sequence}`,
    )
  }
  for (const producerId of known.keys()) {
    must(
      last.has(producerId) || survivors.some((b) => b.producerId === producerId),
      `${name}: producer ${producerId} never wrote`,
    )
  }
}

/** The model's entry for a batch that the log has just taken. */
export function modelBatch(
  bytes: Buffer,
  fields: Pick<ModelBatch, 'producerId' | 'producerEpoch' | 'baseSequence' | 'kind'>,
): ModelBatch {
  return {
    bytes: Buffer.from(bytes),
    baseOffset: baseOffsetOf(bytes),
    lastOffset: lastOffsetOf(bytes),
    leaderEpoch: leaderEpochOf(bytes),
    ...fields,
  }
}

/**
 * How far each partition was synced, kept close to the truth so that recovery after a kill has
 * little to verify and can tell a torn tail from corruption (design decision D6). Apache Kafka's
 * recovery point is written every minute; this every 200 ms while something changes.
 *
 * `<private directory>/sync-journal`, 64 bytes per slot, a slot never crosses a 512-byte sector:
 *
 *   0  16 bytes topic id      28  int64 segment base offset     44  16 bytes zero
 *  16  int32 partition        36  int64 position in the segment 60  uint32 CRC-32C of 0..59
 *  20  int64 synced offset
 *
 * It is written in place and never synced: a slot says what was durable when it was written, and
 * that stays true. A slot that is lost or torn falls back to an older one or to Kafka's checkpoint.
 */
import { type Clock, type Logger, messageOf, type Timer, type Uuid } from '@ottla/base'
import { crc32c, readInt64, writeInt64 } from '@ottla/protocol'
import { type FileHandle, type FileSystem, readWholeFile, writeFully } from './file-system.ts'

const SLOT = 64
const CRC_AT = 60
const INTERVAL_MS = 200
const EMPTY = Buffer.alloc(0)

export interface SyncedPoint {
  readonly offset: number
  readonly segmentBase: number
  readonly position: number
}

/** What can be asked how far it is synced. */
export interface SyncedLog {
  readonly topicId: Uuid
  readonly partition: number
  syncedPoint(): SyncedPoint
}

const keyOf = (topicId: Uuid, partition: number): string => `${topicId}/${partition}`

export class SyncJournal {
  private readonly points = new Map<string, SyncedPoint>()
  private readonly slots = new Map<string, number>()
  private readonly free: number[] = []
  private slotCount = 0
  private readonly dirty = new Set<SyncedLog>()
  private file: FileHandle | undefined
  private timer: Timer | undefined
  private isClosed = false
  private readonly path: string
  private readonly fileSystem: FileSystem
  private readonly clock: Clock
  private readonly logger: Logger

  constructor(path: string, io: { fileSystem: FileSystem; clock: Clock; logger: Logger }) {
    this.path = path
    this.fileSystem = io.fileSystem
    this.clock = io.clock
    this.logger = io.logger
    this.load()
  }

  /** The last point that is known of a partition. */
  pointOf(topicId: Uuid, partition: number): SyncedPoint | undefined {
    return this.points.get(keyOf(topicId, partition))
  }

  /** The log was synced further. Written within 200 ms. */
  note(log: SyncedLog): void {
    if (this.isClosed) return
    this.dirty.add(log)
    this.timer ??= this.clock.setTimer(INTERVAL_MS, () => {
      this.timer = undefined
      this.write()
    })
  }

  /** The partition is gone; its slot is for the next one. */
  forget(log: SyncedLog): void {
    this.dirty.delete(log)
    const key = keyOf(log.topicId, log.partition)
    const slot = this.slots.get(key)
    if (slot === undefined) return
    this.slots.delete(key)
    this.points.delete(key)
    this.free.push(slot)
  }

  /** Writes what changed. A failure costs nothing but a longer recovery, so it is only reported. */
  write(): void {
    if (this.dirty.size === 0) return
    try {
      this.file ??= this.fileSystem.open(this.path, 'write')
      for (const log of this.dirty) this.writeSlot(this.file, log)
      this.dirty.clear()
    } catch (error) {
      this.logger.warn('sync journal not written', { error: messageOf(error) })
    }
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.timer = undefined
    this.write()
    this.file?.close()
    this.file = undefined
  }

  private writeSlot(file: FileHandle, log: SyncedLog): void {
    const key = keyOf(log.topicId, log.partition)
    let slot = this.slots.get(key)
    if (slot === undefined) {
      slot = this.free.pop() ?? this.slotCount++
      this.slots.set(key, slot)
    }
    const point = log.syncedPoint()
    const bytes = Buffer.alloc(SLOT)
    bytes.write(log.topicId, 0, 16, 'base64url')
    bytes.writeInt32BE(log.partition, 16)
    writeInt64(bytes, 20, point.offset)
    writeInt64(bytes, 28, point.segmentBase)
    writeInt64(bytes, 36, point.position)
    bytes.writeUInt32BE(crc32c(bytes.subarray(0, CRC_AT)), CRC_AT)
    writeFully(file, [bytes], slot * SLOT)
  }

  private load(): void {
    const bytes = readWholeFile(this.fileSystem, this.path)
    this.slotCount = Math.ceil((bytes?.length ?? 0) / SLOT)
    for (const { slot, topicId, partition, ...point } of syncedPointsOf(bytes ?? EMPTY)) {
      const key = keyOf(topicId, partition)
      this.slots.set(key, slot)
      this.points.set(key, point)
    }
    const taken = new Set(this.slots.values())
    for (let slot = 0; slot < this.slotCount; slot++) if (!taken.has(slot)) this.free.push(slot)
  }
}

/** The slots of a journal that are whole. */
export function* syncedPointsOf(
  bytes: Buffer,
): Generator<SyncedPoint & { slot: number; topicId: Uuid; partition: number }> {
  for (let slot = 0; (slot + 1) * SLOT <= bytes.length; slot++) {
    const entry = bytes.subarray(slot * SLOT, (slot + 1) * SLOT)
    if (entry.readUInt32BE(CRC_AT) !== crc32c(entry.subarray(0, CRC_AT))) continue
    yield {
      slot,
      topicId: entry.toString('base64url', 0, 16),
      partition: entry.readInt32BE(16),
      offset: readInt64(entry, 20),
      segmentBase: readInt64(entry, 28),
      position: readInt64(entry, 36),
    }
  }
}

import { messageOf } from '@ottla/base'
import { CorruptFileError } from '../errors.ts'

/**
 * What an inspection finds. `damage` is what nobody who works rightly leaves behind; a `note` is
 * what a crash or a deletion under way leaves, and what the next start puts in order by itself.
 */
export interface Finding {
  readonly severity: 'damage' | 'note'
  readonly file: string
  /** Byte position in the file, where one can be named. */
  readonly position?: number | undefined
  /** Offset of the first record concerned, where one can be named. */
  readonly offset?: number | undefined
  readonly what: string
  readonly mend?: string | undefined
}

export type FindingPlace = Pick<Finding, 'position' | 'offset' | 'mend'>

/** Collects findings about one file after another. */
export class Findings {
  readonly all: Finding[] = []

  damage(file: string, what: string, place: FindingPlace = {}): void {
    this.all.push({ severity: 'damage', file, what, ...place })
  }

  note(file: string, what: string, place: FindingPlace = {}): void {
    this.all.push({ severity: 'note', file, what, ...place })
  }

  /** Damage when the files should be exact, else what a crash leaves. */
  unless(isExcused: boolean, file: string, what: string, place: FindingPlace = {}): void {
    if (isExcused) this.note(file, what, place)
    else this.damage(file, what, place)
  }

  /** What reading a small file gives; one that does not parse is damage. */
  reading<T>(file: string, mend: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof CorruptFileError)) throw error
      this.damage(file, messageOf(error).replace(`${file}: `, ''), { mend })
      return undefined
    }
  }
}

/** How to put things right, told with the finding. */
export const MEND = {
  batch:
    'The records around it can be read. Restore the file from a backup or a replica; or consume ' +
    'past it and let retention or DeleteRecords take it away.',
  index:
    'Delete the .index, .timeindex and .txnindex of this segment and .kafka_cleanshutdown: the next ' +
    'start builds them anew.',
  producers:
    'Delete the file and .kafka_cleanshutdown: the next start reads the producers from the log.',
  epochs: 'Delete the file and .kafka_cleanshutdown: the next start reads the epochs from the log.',
  checkpoint:
    'Delete the file: it is made anew, and the next start reads the logs from their start.',
  logStart:
    'Restore the file from a backup. Without it, records that DeleteRecords removed come back.',
  snapshot:
    'Move the file away when an older snapshot or the log itself reaches that far back, else ' +
    'restore it from a backup.',
  metadata: 'Restore the directory of the metadata log from a backup.',
  topicId: 'Write the id that the metadata log has, when the records are known to be its own.',
  identity: 'Write what the metadata log and the other log directories say.',
  quorum: 'Delete the file: the epoch is then taken from the log.',
  foreign: 'Move it elsewhere: Apache Kafka does not start with a foreign directory there.',
} as const

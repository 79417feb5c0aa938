/**
 * What the broker counts. The hot paths only add to numbers; names, help and the text form come
 * from a table that is read when somebody scrapes, and prom-client is loaded then.
 */
import { apiByKey } from '@ottla/protocol'
import type { StorageCounters } from '@ottla/storage'

export interface RequestCounts {
  count: number
  bytes: number
  totalMs: number
}

export interface Gauges {
  readonly connections: () => number
  readonly topics: () => number
  readonly partitions: () => number
  readonly groups: () => number
  readonly fetchSessions: () => number
  readonly commitRounds: () => number
  readonly storage: () => StorageCounters
  /** undefined without an archive. */
  readonly archive: () => ArchiveFigures | undefined
}

/** What the archive of tiered topics has done since the start. */
export interface ArchiveFigures {
  readonly copiedSegments: number
  readonly copiedBytes: number
  readonly deletedSegments: number
  readonly failures: number
  readonly fetchedBytes: number
  readonly failedFetches: number
  readonly cacheHits: number
  readonly cacheMisses: number
}

export const METRICS = {
  ottla_requests_total: 'Requests answered, by API.',
  ottla_request_bytes_total: 'Bytes of requests received, by API.',
  ottla_request_seconds_total: 'Time between a request and its answer, summed up, by API.',
  ottla_produced_batches_total: 'Record batches appended for producers.',
  ottla_produced_bytes_total: 'Bytes of record batches appended for producers.',
  ottla_refused_batches_total: 'Record batches refused, by error.',
  ottla_fetched_bytes_total: 'Bytes of record batches sent to consumers.',
  ottla_connections: 'Open connections.',
  ottla_topics: 'Topics, internal ones included.',
  ottla_partitions: 'Partitions.',
  ottla_groups: 'Groups of the classic protocol that are loaded.',
  ottla_fetch_sessions: 'Incremental fetch sessions.',
  ottla_commit_rounds_total: 'Rounds of group commit.',
  ottla_recovered_logs_total: 'Logs that were recovered after an unclean stop.',
  ottla_recovery_truncated_bytes_total: 'Bytes of torn batches cut off by recovery.',
  ottla_corrupt_reads_total: 'Reads that met bytes which are not what was written.',
  ottla_cleanings_total: 'Cleanings of compacted partitions.',
  ottla_cleaned_bytes_before_total: 'Bytes of the segments that cleanings have replaced.',
  ottla_cleaned_bytes_after_total: 'Bytes of the segments that cleanings made of them.',
  ottla_cleaned_records_dropped_total: 'Records that cleanings have dropped.',
  ottla_failed_cleanings_total:
    'Cleanings that failed; the partition is left alone until the next start.',
  ottla_archive_copied_segments_total: 'Segments copied to the archive.',
  ottla_archive_copied_bytes_total: 'Bytes of segments copied to the archive.',
  ottla_archive_deleted_segments_total: 'Segments deleted from the archive.',
  ottla_archive_failures_total: 'Copies and deletions in the archive that failed and are repeated.',
  ottla_archive_fetched_bytes_total: 'Bytes read from the archive.',
  ottla_archive_failed_fetches_total: 'Reads of the archive that failed.',
  ottla_archive_cache_hits_total: 'Reads of archived bytes that were in memory.',
  ottla_archive_cache_misses_total: 'Reads of archived bytes that had to be fetched.',
} as const

const STORAGE_METRICS = {
  ottla_recovered_logs_total: 'recoveredLogs',
  ottla_recovery_truncated_bytes_total: 'recoveryTruncatedBytes',
  ottla_corrupt_reads_total: 'corruptReads',
  ottla_cleanings_total: 'cleanings',
  ottla_cleaned_bytes_before_total: 'cleanedBytesBefore',
  ottla_cleaned_bytes_after_total: 'cleanedBytesAfter',
  ottla_cleaned_records_dropped_total: 'cleanedRecordsDropped',
  ottla_failed_cleanings_total: 'failedCleanings',
} as const satisfies Partial<Record<keyof typeof METRICS, keyof StorageCounters>>

const ARCHIVE_METRICS = {
  ottla_archive_copied_segments_total: 'copiedSegments',
  ottla_archive_copied_bytes_total: 'copiedBytes',
  ottla_archive_deleted_segments_total: 'deletedSegments',
  ottla_archive_failures_total: 'failures',
  ottla_archive_fetched_bytes_total: 'fetchedBytes',
  ottla_archive_failed_fetches_total: 'failedFetches',
  ottla_archive_cache_hits_total: 'cacheHits',
  ottla_archive_cache_misses_total: 'cacheMisses',
} as const satisfies Partial<Record<keyof typeof METRICS, keyof ArchiveFigures>>

export class BrokerMetrics {
  readonly requests: (RequestCounts | undefined)[] = []
  readonly refused = new Map<string, number>()
  producedBatches = 0
  producedBytes = 0
  fetchedBytes = 0

  requestStarted(apiKey: number, bytes: number): void {
    let counts = this.requests[apiKey]
    if (!counts) {
      counts = { count: 0, bytes: 0, totalMs: 0 }
      this.requests[apiKey] = counts
    }
    counts.count++
    counts.bytes += bytes
  }

  requestEnded(apiKey: number, elapsedMs: number): void {
    const counts = this.requests[apiKey]
    if (counts) counts.totalMs += elapsedMs
  }

  produced(bytes: number): void {
    this.producedBatches++
    this.producedBytes += bytes
  }

  produceRefused(error: string): void {
    this.refused.set(error, (this.refused.get(error) ?? 0) + 1)
  }

  fetched(bytes: number): void {
    this.fetchedBytes += bytes
  }

  /** The page that Prometheus reads. */
  async page(gauges: Gauges): Promise<{ contentType: string; body: string }> {
    const { Registry, Counter, Gauge, collectDefaultMetrics } = await import('prom-client')
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    const set = (
      name: keyof typeof METRICS,
      value: number,
      labels: Record<string, string> = {},
    ) => {
      const known = registry.getSingleMetric(name)
      const options = {
        name,
        help: METRICS[name],
        labelNames: Object.keys(labels),
        registers: [registry],
      }
      if (name.endsWith('_total')) {
        const counter = known instanceof Counter ? known : new Counter(options)
        counter.inc(labels, value)
      } else {
        const gauge = known instanceof Gauge ? known : new Gauge(options)
        gauge.set(labels, value)
      }
    }
    this.requests.forEach((counts, apiKey) => {
      if (!counts) return
      const labels = { api: apiByKey(apiKey)?.name ?? String(apiKey) }
      set('ottla_requests_total', counts.count, labels)
      set('ottla_request_bytes_total', counts.bytes, labels)
      set('ottla_request_seconds_total', counts.totalMs / 1000, labels)
    })
    for (const [error, count] of this.refused) set('ottla_refused_batches_total', count, { error })
    set('ottla_produced_batches_total', this.producedBatches)
    set('ottla_produced_bytes_total', this.producedBytes)
    set('ottla_fetched_bytes_total', this.fetchedBytes)
    set('ottla_connections', gauges.connections())
    set('ottla_topics', gauges.topics())
    set('ottla_partitions', gauges.partitions())
    set('ottla_groups', gauges.groups())
    set('ottla_fetch_sessions', gauges.fetchSessions())
    set('ottla_commit_rounds_total', gauges.commitRounds())
    const storage = gauges.storage()
    for (const [name, counter] of Object.entries(STORAGE_METRICS)) {
      set(name as keyof typeof STORAGE_METRICS, storage[counter])
    }
    const archive = gauges.archive()
    if (archive) {
      for (const [name, counter] of Object.entries(ARCHIVE_METRICS)) {
        set(name as keyof typeof ARCHIVE_METRICS, archive[counter])
      }
    }
    return { contentType: registry.contentType, body: await registry.metrics() }
  }
}

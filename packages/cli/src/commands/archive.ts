/**
 * `ottla archive verify`: holds the archive of tiered topics (KIP-405) against what the cluster
 * says it keeps there.
 *
 * The objects are listed first and the metadata is read after that: a copy tells of itself before
 * it puts anything, so that what the metadata does not know then is nobody's.
 */
import { realRandom } from '@ottla/base'
import type { ArchiveFinding, S3Settings } from '@ottla/broker'
import type { Kafka } from '@ottla/client'
import type { Command } from 'commander'
import { readArchiveMetadata } from '../archive/archive-metadata.ts'
import { ExitCode, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { printJson, printRows } from '../printer.ts'
import { terminal } from '../terminal.ts'

interface VerifyOptions extends ConnectionOptions {
  readonly archive?: string
  readonly s3Endpoint?: string
  readonly s3Region?: string
  readonly s3PathStyle?: boolean
  readonly mend?: boolean
}

interface FindingRow {
  readonly finding: string
  readonly where: string
  readonly detail: string
}

export function defineArchive(command: Command): void {
  command.description('Looks after the archive of tiered topics.')
  addConnectionOptions(command.command('verify').summary('compare the archive with its metadata'))
    .description(
      'Compares what lies in the archive with what __remote_log_metadata says of it. Ends with 1\n' +
        'when something that readers are promised is missing, or orphans are left.',
    )
    .option('--archive <url>', 'file:///path or s3://bucket/prefix (default: as the broker has it)')
    .option('--s3-endpoint <url>', 'server of the bucket (default: as the broker has it)')
    .option('--s3-region <name>', 'region of the bucket (default: as the broker has it)')
    .option('--s3-path-style', 'name the bucket in the path (default: as the broker has it)')
    .option('--mend', 'delete the orphans')
    .action(verify)
}

async function verify(options: VerifyOptions): Promise<void> {
  const out = terminal()
  const { checkArchive, deleteOrphans, isLoss, listObjects, openStore } = await import(
    '@ottla/broker'
  )
  const { RealFileSystem } = await import('@ottla/storage')
  await withKafka(options, async (kafka) => {
    const place = await placeOf(kafka, options)
    const store = await openStore(place.url, {
      fileSystem: new RealFileSystem(),
      random: realRandom,
      s3: place.s3,
    })
    try {
      const objects = await listObjects(store)
      const check = checkArchive(objects, await readArchiveMetadata(kafka))
      const deleted = options.mend ? await deleteOrphans(store, check) : 0
      const { findings, segments, bytes } = check
      const left = findings.filter(({ kind }) => kind !== 'orphan' || !options.mend)
      if (options.output === 'table') {
        if (left.length > 0) await printRows(out, 'table', left.map(rowOf), COLUMNS)
        const mended = options.mend ? `, ${deleted} orphans deleted` : ''
        await out.line(
          `${store.where}: ${segments} segments, ${objects.length} objects, ${bytes} bytes, ` +
            `${left.length === 0 ? 'nothing amiss' : `${left.length} findings`}${mended}`,
        )
      } else {
        const summary = { archive: store.where, segments, objects: objects.length, bytes, deleted }
        await printJson(out, { ...summary, findings: left.map(rowOf) }, options.output)
      }
      if (left.some((finding) => isLoss(finding) || finding.kind === 'orphan')) {
        process.exitCode = ExitCode.FAILED
      }
    } finally {
      await store.close()
    }
  })
}

const COLUMNS = [
  { title: 'FINDING', value: (row: FindingRow) => row.finding },
  { title: 'WHERE', value: (row: FindingRow) => row.where, isFlexible: true },
  { title: 'DETAIL', value: (row: FindingRow) => row.detail },
]

function rowOf(finding: ArchiveFinding): FindingRow {
  switch (finding.kind) {
    case 'orphan':
      return row(finding.kind, finding.key, `${finding.size} bytes that no record tells of`)
    case 'foreign':
      return row(finding.kind, finding.key, `${finding.size} bytes that are not a segment's`)
    case 'missing':
      return row(finding.kind, finding.key, 'readers are promised it')
    case 'wrong size':
      return row(finding.kind, finding.key, `${finding.size} bytes instead of ${finding.wanted}`)
    case 'unfinished': {
      const { of, segment } = finding
      const what = segment.state === 0 ? 'a copy' : 'a deletion'
      return row(finding.kind, `${of.topic}-${of.partition} from ${segment.startOffset}`, what)
    }
    case 'gap': {
      const { of, from, to } = finding
      return row(finding.kind, `${of.topic}-${of.partition}`, `offsets ${from} to ${to - 1}`)
    }
  }
}

const row = (finding: string, where: string, detail: string): FindingRow => ({
  finding,
  where,
  detail,
})

/** Where the archive is: as given, else as the broker says. Secrets come from the environment. */
async function placeOf(
  kafka: Kafka,
  options: VerifyOptions,
): Promise<{ url: string; s3: S3Settings }> {
  const known = await brokerSettingsOf(kafka)
  const url = options.archive ?? known.get('archive.url') ?? undefined
  if (url === undefined) {
    throw new UsageError(
      'The broker does not say where its archive is',
      '--archive file:///path or --archive s3://bucket/prefix',
    )
  }
  return {
    url,
    s3: {
      endpoint: options.s3Endpoint ?? known.get('archive.s3.endpoint') ?? null,
      region: options.s3Region ?? known.get('archive.s3.region') ?? 'us-east-1',
      isPathStyle: options.s3PathStyle ?? known.get('archive.s3.path.style.access') === 'true',
      accessKeyId: null,
      secretAccessKey: null,
      requestTimeoutMs: 60_000,
    },
  }
}

async function brokerSettingsOf(kafka: Kafka): Promise<Map<string, string | null>> {
  const { brokers } = await kafka.admin.describeCluster()
  const name = String(brokers[0]?.id ?? '')
  const [described] = await kafka.admin.describeConfigs([{ type: 'broker', name }])
  return new Map(described?.configs.map((config) => [config.name, config.value]))
}

/** What a stopped directory holds, read from its files alone. */
import { join, resolve } from 'node:path'
import { OttlaError } from '@ottla/base'
import { type MetadataImage, readMetadata, releaseFault, releases } from '@ottla/broker'
import {
  type DirectoryReport,
  type FileSystem,
  readWholeFile,
  verifyLogDirectory,
} from '@ottla/storage'
import { NotFoundError } from '../cli-error.ts'
import { targetsOf } from '../log/targets.ts'
import { type CoordinatorSurvey, surveyCoordinators } from './survey-coordinators.ts'

export interface Survey {
  readonly logDirs: readonly string[]
  readonly clusterId: string
  readonly nodeId: number
  readonly image: MetadataImage
  /** 0: the voters are a setting; 1: they are in the log. */
  readonly kraftVersion: number
  readonly reports: readonly DirectoryReport[]
  readonly coordinators: CoordinatorSurvey
  /** Topics whose older segments are in an archive, not in the directory. */
  readonly tiered: readonly string[]
  /** Releases of Apache Kafka, and why each cannot open it. */
  readonly releases: readonly { readonly name: string; readonly fault: string | undefined }[]
}

export interface SurveyOptions {
  readonly fileSystem: FileSystem
  /** Log directories beside the one with the metadata log. */
  readonly further: readonly string[]
  readonly onPartition?: (name: string) => void
}

const TOPIC = 2

/** Takes the directory while it looks: nobody may write to it, and nothing is changed. */
export async function survey(given: string, options: SurveyOptions): Promise<Survey> {
  const { fileSystem, onPartition = () => undefined } = options
  const found = targetsOf(fileSystem, given).map(({ directory }) => directory)
  const logDirs = [...new Set([...found, ...options.further.map((path) => resolve(path))])]
  const locks = []
  try {
    for (const directory of logDirs) locks.push(await fileSystem.lock(directory))
    const first = logDirs.find((path) => fileSystem.stat(join(path, '__cluster_metadata-0')))
    const metadata = first === undefined ? undefined : await readMetadata(fileSystem, first)
    if (!first || !metadata) {
      throw new NotFoundError(
        `${given} has no metadata log`,
        'Give the data directory of ottla, or the log directory with __cluster_metadata-0.',
      )
    }
    const { clusterId, nodeId, directoryId } = identityOf(fileSystem, first)
    const { image, quorum } = metadata
    quorum.checkAlone(nodeId, directoryId)
    const reports: DirectoryReport[] = []
    for (const path of logDirs) {
      reports.push(await verifyLogDirectory(path, { fileSystem, onPartition }))
    }
    const levels = new Map([...image.features, ['kraft.version', quorum.kraftVersion]])
    return {
      logDirs: [first, ...logDirs.filter((path) => path !== first)],
      clusterId,
      nodeId,
      image,
      kraftVersion: quorum.kraftVersion,
      reports,
      coordinators: await surveyCoordinators(fileSystem, logDirs),
      tiered: image
        .configuredResources(TOPIC)
        .filter((topic) => image.config(TOPIC, topic)?.get('remote.storage.enable') === 'true'),
      releases: releases.map((one) => ({ name: one.name, fault: releaseFault(one, levels) })),
    }
  } finally {
    for (const lock of locks) await lock.release()
  }
}

interface Identity {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

function identityOf(fileSystem: FileSystem, logDir: string): Identity {
  const path = join(logDir, 'meta.properties')
  const text = readWholeFile(fileSystem, path)?.toString('utf8') ?? ''
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.trim()
  const [clusterId, nodeId] = [value('cluster\\.id'), Number(value('node\\.id'))]
  const directoryId = value('directory\\.id') ?? ''
  if (clusterId && Number.isInteger(nodeId)) return { clusterId, nodeId, directoryId }
  throw new OttlaError(`${path} names no cluster.id and node.id`, { code: 'CORRUPT_FILE' })
}

/**
 * The two small files that say whose a directory is.
 *
 *   meta.properties (log directory)     partition.metadata (partition directory)
 *     version=1                           version: 0
 *     cluster.id=<22 characters>          topic_id: <22 characters>
 *     node.id=1
 *     directory.id=<22 characters>
 */
import { ConfigError, type Random, randomUuid, type Uuid } from '@ottla/base'
import { CorruptFileError } from './errors.ts'
import { type FileSystem, readWholeFile, replaceFile } from './file-system.ts'

export interface MetaProperties {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: Uuid
}

export interface MetaPropertiesRequest {
  readonly clusterId?: string | undefined
  readonly nodeId: number
}

/** Reads the file and compares it with the settings; makes it, or its directory id, when absent. */
export async function ensureMetaProperties(
  fileSystem: FileSystem,
  logDir: string,
  random: Random,
  wanted: MetaPropertiesRequest,
): Promise<MetaProperties> {
  const path = `${logDir}/meta.properties`
  const bytes = readWholeFile(fileSystem, path)
  const found = bytes && parseProperties(bytes.toString('utf8'))
  if (found) checkProperties(path, found, wanted)
  const properties: MetaProperties = {
    clusterId: found?.get('cluster.id') ?? wanted.clusterId ?? randomUuid(random),
    nodeId: wanted.nodeId,
    directoryId: found?.get('directory.id') ?? randomUuid(random),
  }
  if (!found?.has('directory.id') || !found.has('cluster.id')) {
    const { clusterId, nodeId, directoryId } = properties
    const lines = ['version=1', `cluster.id=${clusterId}`, `node.id=${nodeId}`]
    const text = `${lines.join('\n')}\ndirectory.id=${directoryId}\n`
    await replaceFile(fileSystem, path, Buffer.from(text))
  }
  return properties
}

function checkProperties(
  path: string,
  found: ReadonlyMap<string, string>,
  wanted: MetaPropertiesRequest,
): void {
  if (found.get('version') !== '1') {
    throw new CorruptFileError(path, `version ${found.get('version')} is not supported`)
  }
  const nodeId = Number(found.get('node.id'))
  if (nodeId !== wanted.nodeId) {
    const message = `${path} was made by node ${nodeId}, but node.id is ${wanted.nodeId}`
    throw new ConfigError('node.id', wanted.nodeId, message, `Set node.id to ${nodeId}.`)
  }
  const clusterId = found.get('cluster.id')
  if (wanted.clusterId !== undefined && clusterId !== undefined && clusterId !== wanted.clusterId) {
    const message = `${path} belongs to cluster ${clusterId}, not to ${wanted.clusterId}`
    throw new ConfigError('cluster.id', wanted.clusterId, message)
  }
}

/** Lines of a Java properties file, without escapes, which these have none of. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\s*([^#!\s=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line)
    if (match) properties.set(match[1] as string, match[2] as string)
  }
  return properties
}

/** The topic id of a partition directory, or undefined when the file is absent. */
export function readPartitionMetadata(fileSystem: FileSystem, directory: string): Uuid | undefined {
  const path = `${directory}/partition.metadata`
  const text = readWholeFile(fileSystem, path)?.toString('utf8')
  if (text === undefined) return undefined
  const topicId = /^topic_id: ?(\S+)$/m.exec(text)?.[1]
  if (!/^version: ?0$/m.test(text) || topicId === undefined) {
    throw new CorruptFileError(path, 'no version 0 or no topic id')
  }
  return topicId
}

/** No line feed at the end: Apache Kafka writes none. */
export const encodePartitionMetadata = (topicId: Uuid): Buffer =>
  Buffer.from(`version: 0\ntopic_id: ${topicId}`)

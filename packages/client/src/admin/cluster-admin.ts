/** Admin calls about the cluster itself: brokers, features, the quorum of controllers. */
import { apis } from '@ottla/protocol'
import { KafkaError } from '../errors.ts'
import { SOFTWARE_VERSION } from '../software-version.ts'
import type { AdminOptions, ValidateOptions } from './admin-core.ts'
import { DelegationTokenAdmin } from './delegation-token-admin.ts'
import type { ItemResult } from './item-results.ts'

/** Version 5 may be refused by a broker that is not the one meant. */
const API_VERSIONS_MAX = 4
const UPGRADES = { upgrade: 1, 'safe-downgrade': 2, 'unsafe-downgrade': 3 } as const

export interface FeatureDescription {
  readonly feature: string
  /** Levels this broker can work with; undefined when it does not know the feature. */
  readonly supported: { readonly min: number; readonly max: number } | undefined
  /** The level the cluster works with; 0 when it is off. */
  readonly level: number
}

export interface FeatureUpdate {
  readonly feature: string
  /** 0 turns it off. */
  readonly level: number
  /**
   * `upgrade`, or what may be lost: `safe-downgrade` nothing, `unsafe-downgrade` metadata. Default
   * `upgrade`.
   */
  readonly type?: keyof typeof UPGRADES
}

export interface ApiVersionRange {
  /** Number of the API on the wire. */
  readonly apiKey: number
  /** Its name, where this client knows it. */
  readonly name: string | undefined
  readonly min: number
  readonly max: number
}

export interface QuorumReplica {
  readonly id: number
  /** Directory id (KIP-853); undefined when the broker is too old to say. */
  readonly directoryId: string | undefined
  readonly logEndOffset: bigint
  readonly lastFetch: Date | undefined
  readonly lastCaughtUp: Date | undefined
}

export interface QuorumDescription {
  readonly leader: number
  readonly leaderEpoch: number
  readonly highWatermark: bigint
  readonly voters: readonly QuorumReplica[]
  readonly observers: readonly QuorumReplica[]
}

export interface VoterId {
  readonly id: number
  readonly directoryId: string
}

export interface VoterListener {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface Coordinator {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface FoundCoordinator {
  readonly key: string
  readonly coordinator: Coordinator | undefined
}

const METADATA_TOPIC = '__cluster_metadata'
const KEY_TYPES = { group: 0, transaction: 1, share: 2 } as const
const dateOf = (timestampMs: number) => (timestampMs < 0 ? undefined : new Date(timestampMs))

export class ClusterAdmin extends DelegationTokenAdmin {
  // ---- features ---------------------------------------------------------------------------------

  /** Features of the cluster (KIP-584), and what one broker could work with. */
  describeFeatures(
    options: AdminOptions & { readonly broker?: number } = {},
  ): Promise<FeatureDescription[]> {
    return this.call('describeFeatures', options, async () => {
      const response = await this.requestApiVersions(options.broker)
      const levels = new Map(response.finalizedFeatures.map((f) => [f.name, f.maxVersionLevel]))
      const supported = new Map(response.supportedFeatures.map((f) => [f.name, f]))
      const names = new Set([...supported.keys(), ...levels.keys()])
      return [...names].sort().map((feature) => {
        const range = supported.get(feature)
        return {
          feature,
          supported: range && { min: range.minVersion, max: range.maxVersion },
          level: levels.get(feature) ?? 0,
        }
      })
    })
  }

  /** Changes levels of features, all of them or none. */
  updateFeatures(
    updates: readonly FeatureUpdate[],
    options: ValidateOptions = {},
  ): Promise<ItemResult<FeatureUpdate>[]> {
    return this.call('updateFeatures', options, async () => {
      const response = await this.cluster.request('controller', apis.updateFeatures, {
        timeoutMs: this.cluster.context.requestTimeoutMs,
        validateOnly: options.validateOnly ?? false,
        featureUpdates: updates.map(({ feature, level, type = 'upgrade' }) => ({
          feature,
          maxVersionLevel: level,
          upgradeType: UPGRADES[type],
        })),
      })
      // Kafka 4.0 and later answer for all together, older ones for each.
      return updates.map((update) => {
        const own = response.results.find(({ feature }) => feature === update.feature)
        return this.result(update, `Updating feature ${update.feature}`, own ?? response)
      })
    })
  }

  /** Versions of each API that a broker speaks. */
  describeApiVersions(
    options: AdminOptions & { readonly broker?: number } = {},
  ): Promise<ApiVersionRange[]> {
    const names = new Map<number, string>(Object.values(apis).map(({ key, name }) => [key, name]))
    return this.call('describeApiVersions', options, async () => {
      const { apiKeys } = await this.requestApiVersions(options.broker)
      return apiKeys.map(({ apiKey, minVersion: min, maxVersion: max }) => ({
        apiKey,
        name: names.get(apiKey),
        min,
        max,
      }))
    })
  }

  private async requestApiVersions(broker: number | undefined) {
    if (broker !== undefined) await this.requestMetadata([])
    const body = { clientSoftwareName: 'ottla', clientSoftwareVersion: SOFTWARE_VERSION }
    const limits = { versionMax: API_VERSIONS_MAX }
    const response = await this.cluster.request(broker ?? 'any', apis.apiVersions, body, limits)
    this.check(response.errorCode, 'Asking for versions')
    return response
  }

  // ---- brokers ----------------------------------------------------------------------------------

  /**
   * The brokers that coordinate groups, transactional ids, or share partitions (as
   * `group:topicId:partition`).
   */
  findCoordinators(
    type: keyof typeof KEY_TYPES,
    keys: readonly string[],
    options: AdminOptions = {},
  ): Promise<ItemResult<FoundCoordinator>[]> {
    const find = async (key: string): Promise<ItemResult<FoundCoordinator>> => {
      try {
        const coordinator = await this.findCoordinator(type, key, options)
        return { key, coordinator, error: undefined }
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        return { key, coordinator: undefined, error }
      }
    }
    return Promise.all(keys.map(find))
  }

  private findCoordinator(
    type: keyof typeof KEY_TYPES,
    key: string,
    options: AdminOptions,
  ): Promise<Coordinator> {
    const body = { key, keyType: KEY_TYPES[type], coordinatorKeys: [key] }
    return this.call('findCoordinators', options, async () => {
      const response = await this.cluster.request('any', apis.findCoordinator, body)
      const found = response.coordinators[0] ?? response
      this.check(found.errorCode, `Coordinator of ${type} ${key}`, found.errorMessage)
      return { id: found.nodeId, host: found.host, port: found.port }
    })
  }

  /** Takes a broker that is gone for good out of the cluster's metadata. */
  unregisterBroker(broker: number, options: AdminOptions = {}): Promise<void> {
    return this.call('unregisterBroker', options, async () => {
      const body = { brokerId: broker }
      const response = await this.cluster.request('controller', apis.unregisterBroker, body)
      this.check(response.errorCode, `Unregistering broker ${broker}`, response.errorMessage)
    })
  }

  // ---- quorum -----------------------------------------------------------------------------------

  /** The controllers and how far each has come in the log of the cluster's metadata. */
  describeMetadataQuorum(options: AdminOptions = {}): Promise<QuorumDescription> {
    const partitions = [{ partitionIndex: 0 }]
    const body = { topics: [{ topicName: METADATA_TOPIC, partitions }] }
    return this.call('describeMetadataQuorum', options, async () => {
      const response = await this.cluster.request('any', apis.describeQuorum, body)
      const what = 'Describing the quorum'
      this.check(response.errorCode, what, response.errorMessage)
      const found = response.topics[0]?.partitions[0]
      if (!found) throw new TypeError(`${what}: the broker left it out`)
      this.check(found.errorCode, what, found.errorMessage)
      return {
        leader: found.leaderId,
        leaderEpoch: found.leaderEpoch,
        highWatermark: BigInt(found.highWatermark),
        voters: found.currentVoters.map(replicaOf),
        observers: found.observers.map(replicaOf),
      }
    })
  }

  /** Makes a controller that follows the quorum one of its voters (KIP-853). */
  addRaftVoter(
    voter: VoterId,
    listeners: readonly VoterListener[],
    options: AdminOptions & { readonly clusterId?: string } = {},
  ): Promise<void> {
    const body = {
      clusterId: options.clusterId ?? null,
      timeoutMs: this.cluster.context.requestTimeoutMs,
      voterId: voter.id,
      voterDirectoryId: voter.directoryId,
      listeners: [...listeners],
    }
    return this.call('addRaftVoter', options, async () => {
      const response = await this.cluster.request('controller', apis.addRaftVoter, body)
      this.check(response.errorCode, `Adding voter ${voter.id}`, response.errorMessage)
    })
  }

  /** Takes a voter out of the quorum of controllers (KIP-853). */
  removeRaftVoter(
    voter: VoterId,
    options: AdminOptions & { readonly clusterId?: string } = {},
  ): Promise<void> {
    const body = {
      clusterId: options.clusterId ?? null,
      voterId: voter.id,
      voterDirectoryId: voter.directoryId,
    }
    return this.call('removeRaftVoter', options, async () => {
      const response = await this.cluster.request('controller', apis.removeRaftVoter, body)
      this.check(response.errorCode, `Removing voter ${voter.id}`, response.errorMessage)
    })
  }
}

interface ReplicaState {
  readonly replicaId: number
  readonly replicaDirectoryId: string
  readonly logEndOffset: number
  readonly lastFetchTimestamp: number
  readonly lastCaughtUpTimestamp: number
}

const replicaOf = (replica: ReplicaState): QuorumReplica => ({
  id: replica.replicaId,
  directoryId: replica.replicaDirectoryId || undefined,
  logEndOffset: BigInt(replica.logEndOffset),
  lastFetch: dateOf(replica.lastFetchTimestamp),
  lastCaughtUp: dateOf(replica.lastCaughtUpTimestamp),
})

/**
 * Share sessions: what a member of a share group reads, so that it need not say so each time.
 *
 * A session belongs to a member and lives as long as its connection, also when the member has left
 * the group: it may still acknowledge what it has. Requests count up: epoch 0 opens a session, -1
 * ends it, and in between comes one after the other. An epoch that is not the next one means that
 * one side has lost something, and the member must begin again.
 */
import type { Uuid } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'

export const OPENING_EPOCH = 0
export const FINAL_EPOCH = -1
const EPOCH_MAX = 0x7fffffff

export interface SessionPartition {
  readonly topicId: Uuid
  readonly partition: number
  /** New here: the next answer names it even when there is nothing to tell. */
  mustTell: boolean
  /** There was such a topic when the session took it up. */
  readonly wasKnown: boolean
}

/** As far as a session needs to know its connection. */
export interface SessionConnection {
  onceClosed(callback: () => void): () => void
}

export class ShareSession {
  readonly groupId: string
  readonly memberId: string
  epoch = 1
  readonly partitions = new Map<string, SessionPartition>()
  stopWatching: () => void = () => undefined

  constructor(groupId: string, memberId: string) {
    this.groupId = groupId
    this.memberId = memberId
  }

  add(topicId: Uuid, partition: number, wasKnown = true): void {
    const key = `${topicId}:${partition}`
    if (this.partitions.has(key)) return
    this.partitions.set(key, { topicId, partition, mustTell: true, wasKnown })
  }

  /** Whoever had something comes last from now on. */
  moveBack(target: SessionPartition): void {
    const key = `${target.topicId}:${target.partition}`
    if (this.partitions.delete(key)) this.partitions.set(key, target)
  }

  forget(topicId: Uuid, partition: number): void {
    this.partitions.delete(`${topicId}:${partition}`)
  }

  /** Partitions, beginning with another one at each epoch. */
  rotated(epoch: number): SessionPartition[] {
    const all = [...this.partitions.values()]
    const at = all.length === 0 ? 0 : epoch % all.length
    return [...all.slice(at), ...all.slice(0, at)]
  }
}

export interface SessionRequest {
  readonly groupId: string
  readonly memberId: string
  readonly epoch: number
}

export class ShareSessions {
  private readonly sessions = new Map<string, ShareSession>()
  private readonly sessionsMax: number
  private readonly onEnd: (session: ShareSession) => void

  constructor(sessionsMax: number, onEnd: (session: ShareSession) => void) {
    this.sessionsMax = sessionsMax
    this.onEnd = onEnd
  }

  get size(): number {
    return this.sessions.size
  }

  private static keyOf = (groupId: string, memberId: string): string => `${groupId}\n${memberId}`

  /** The session a request is about; one with epoch 0 opens it. */
  use(request: SessionRequest, connection: SessionConnection): ShareSession | ErrorName {
    const { groupId, memberId, epoch } = request
    const key = ShareSessions.keyOf(groupId, memberId)
    const known = this.sessions.get(key)
    if (epoch === OPENING_EPOCH) return this.open(key, request, connection)
    if (!known) return 'SHARE_SESSION_NOT_FOUND'
    if (epoch === FINAL_EPOCH) return known
    if (epoch !== known.epoch) return 'INVALID_SHARE_SESSION_EPOCH'
    known.epoch = known.epoch === EPOCH_MAX ? 1 : known.epoch + 1
    return known
  }

  private open(
    key: string,
    { groupId, memberId }: SessionRequest,
    connection: SessionConnection,
  ): ShareSession | ErrorName {
    const known = this.sessions.get(key)
    if (!known && this.sessions.size >= this.sessionsMax) return 'SHARE_SESSION_LIMIT_REACHED'
    known?.stopWatching()
    const session = new ShareSession(groupId, memberId)
    this.sessions.set(key, session)
    session.stopWatching = connection.onceClosed(() => {
      if (this.sessions.get(key) !== session) return
      this.sessions.delete(key)
      this.onEnd(session)
    })
    return session
  }

  /** Forgets the session of a member; who asks for it releases what the member holds. */
  remove(groupId: string, memberId: string): ShareSession | undefined {
    const key = ShareSessions.keyOf(groupId, memberId)
    const session = this.sessions.get(key)
    session?.stopWatching()
    this.sessions.delete(key)
    return session
  }
}

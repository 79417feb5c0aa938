/** Deletes the beginnings of logs, so that there is a log start offset to get wrong. */
import { apis } from '@ottla/protocol'
import { fetchKeys, startsOf } from './answers.ts'
import { Client } from './client.ts'
import { KEYS, TOPIC } from './topic.ts'

export class RecordDeleter extends Client {
  protected override readonly pauseMsMax: number = 200

  protected override async step(): Promise<void> {
    const connection = await this.connection()
    const key = this.random.integer(KEYS)
    const where = await startsOf(connection, [key])
    const [poll] = await fetchKeys(connection, where, { isCommittedOnly: false, waitMs: 0 })
    if (!poll || poll.highWatermark <= 0) return
    const { logStartOffset, highWatermark } = poll
    const before = logStartOffset + this.random.integer((highWatermark - logStartOffset) >> 1)
    if (before <= logStartOffset) return
    const { history } = this.world
    const operation = history.begin(this.name, 'delete', { keys: [key], before })
    const partitions = [{ partitionIndex: key, offset: before }]
    const body = { topics: [{ name: TOPIC, partitions }], timeoutMs: 5_000 }
    const answer = await connection.ask(apis.deleteRecords, 2, body)
    const errorCode = answer.topics[0]?.partitions[0]?.errorCode
    history.end(operation, errorCode === 0 ? 'ok' : 'info')
  }
}

/**
 * What the control records of the metadata log and its snapshots say about the quorum: its
 * `kraft.version` and, from level 1 on, the voters with their directories and endpoints (KIP-853).
 * At level 0 nothing is written; the voters are what `controller.quorum.voters` says.
 */
import { OttlaError, type Uuid } from '@ottla/base'
import {
  decodeControlRecord,
  type InferInput,
  type RecordBatch,
  type VotersRecord,
} from '@ottla/protocol'

type Voters = InferInput<typeof VotersRecord>['voters']

export class QuorumImage {
  kraftVersion = 0
  voters: Voters = []

  /** Takes the control records of a batch; batches of data change nothing. */
  replay(batch: RecordBatch): void {
    if (!batch.isControl) return
    for (const record of batch.records()) {
      const control = decodeControlRecord(record)
      if (control.type === 'KRAFT_VERSION') this.kraftVersion = control.message.kRaftVersion
      else if (control.type === 'KRAFT_VOTERS') this.voters = control.message.voters
    }
  }

  /** Throws when others have a say: their metadata would go one way and ours another. */
  checkAlone(nodeId: number, directoryId: Uuid): void {
    const others = this.voters.filter(
      (voter) => voter.voterId !== nodeId || voter.voterDirectoryId !== directoryId,
    )
    if (others.length === 0) return
    const names = others.map(({ voterId }) => voterId).join(', ')
    throw new OttlaError(`Other controllers vote on the metadata of this directory: ${names}`, {
      code: 'SEVERAL_VOTERS',
      hint: 'ottla is one node. Take them out with kafka-metadata-quorum remove-controller first.',
    })
  }
}

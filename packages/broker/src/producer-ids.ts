/**
 * Producer ids, never given twice: ids come from blocks of 1000 that are written to the metadata
 * log before the first of them is used, so a restart continues behind the last block.
 */

import { metadataRecord } from './metadata/metadata-record.ts'
import type { MetadataStore } from './metadata/metadata-store.ts'

const BLOCK_SIZE = 1000

export class ProducerIds {
  private readonly metadata: MetadataStore
  private readonly nodeId: number
  private next = 0
  private end = 0
  private reserving: Promise<void> | undefined

  constructor(metadata: MetadataStore, nodeId: number) {
    this.metadata = metadata
    this.nodeId = nodeId
  }

  async allocate(): Promise<number> {
    while (this.next >= this.end) {
      this.reserving ??= this.reserve().finally(() => {
        this.reserving = undefined
      })
      await this.reserving
    }
    return this.next++
  }

  private async reserve(): Promise<void> {
    const first = await this.metadata.change((image) => {
      const start = image.nextProducerId
      const record = metadataRecord('ProducerIdsRecord', {
        brokerId: this.nodeId,
        brokerEpoch: this.metadata.brokerEpoch,
        nextProducerId: start + BLOCK_SIZE,
      })
      return { records: [record], response: start }
    })
    this.next = first
    this.end = first + BLOCK_SIZE
  }
}

/** What members of a group tell each other, version 0 of Kafka's consumer protocol. */
import type { ISerializer, MemberAssignment, MemberMetadata } from '../types/cluster.ts'

const EMPTY = Buffer.alloc(0)

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const text = (value: string): Buffer[] => [int16(Buffer.byteLength(value)), Buffer.from(value)]
const blob = (value: Buffer | null): Buffer[] =>
  value === null ? [int32(-1)] : [int32(value.length), value]

class Reader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  int16(): number {
    this.at += 2
    return this.bytes.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.bytes.readInt32BE(this.at - 4)
  }

  text(): string {
    return this.take(this.int16()).toString('utf8')
  }

  blob(): Buffer {
    const size = this.at + 4 <= this.bytes.length ? this.int32() : -1
    return size < 0 ? (null as unknown as Buffer) : Buffer.from(this.take(size))
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, item)
  }

  private take(size: number): Buffer {
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }
}

type Input<T> = Omit<T, 'userData'> & { userData?: Buffer }

const MemberMetadataSerializer: ISerializer<MemberMetadata> = {
  encode({ version, topics, userData = EMPTY }: Input<MemberMetadata>) {
    const names = topics.flatMap((topic) => text(topic))
    return Buffer.concat([int16(version), int32(topics.length), ...names, ...blob(userData)])
  },
  decode(buffer) {
    const reader = new Reader(buffer)
    return {
      version: reader.int16(),
      topics: reader.list(() => reader.text()),
      userData: reader.blob(),
    }
  },
}

const MemberAssignmentSerializer: ISerializer<MemberAssignment> = {
  encode({ version, assignment, userData = EMPTY }: Input<MemberAssignment>) {
    const topics = Object.entries(assignment)
    const parts = topics.flatMap(([topic, partitions]) => [
      ...text(topic),
      int32(partitions.length),
      ...partitions.map(int32),
    ])
    return Buffer.concat([int16(version), int32(topics.length), ...parts, ...blob(userData)])
  },
  /** Null for no bytes: a member that was given nothing. */
  decode(buffer) {
    if (buffer.length < 2) return null
    const reader = new Reader(buffer)
    const version = reader.int16()
    const topics = reader.list(() => [reader.text(), reader.list(() => reader.int32())] as const)
    return { version, assignment: Object.fromEntries(topics), userData: reader.blob() }
  },
}

export const AssignerProtocol = {
  MemberMetadata: MemberMetadataSerializer,
  MemberAssignment: MemberAssignmentSerializer,
}

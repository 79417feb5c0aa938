/**
 * SCRAM credentials of the metadata log, one per user and mechanism. Stored and server keys only
 * verify a password; nothing here is ever part of an answer except the number of iterations.
 */
import type { MetadataValue } from './metadata-record.ts'

export type ScramCredential = MetadataValue<'UserScramCredentialRecord'>

export class ScramImage {
  /** By user, then by mechanism. */
  private readonly users = new Map<string, Map<number, ScramCredential>>()

  names(): Iterable<string> {
    return this.users.keys()
  }

  /** Credentials of a user in the order of their mechanisms; empty when there are none. */
  of(user: string): readonly ScramCredential[] {
    const found = [...(this.users.get(user)?.values() ?? [])]
    return found.sort((a, b) => a.mechanism - b.mechanism)
  }

  get(user: string, mechanism: number): ScramCredential | undefined {
    return this.users.get(user)?.get(mechanism)
  }

  set(credential: ScramCredential): void {
    const own = this.users.get(credential.name) ?? new Map<number, ScramCredential>()
    this.users.set(credential.name, own.set(credential.mechanism, credential))
  }

  remove({ name, mechanism }: MetadataValue<'RemoveUserScramCredentialRecord'>): void {
    const own = this.users.get(name)
    own?.delete(mechanism)
    if (own?.size === 0) this.users.delete(name)
  }
}

/**
 * The ACLs of the metadata log, by the id each got when it was made. Two ACLs are never equal:
 * making one that is there already changes nothing.
 */
import { assert, type Uuid } from '@ottla/base'
import type { MetadataValue } from './metadata-record.ts'

export interface Acl {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** Equal for equal ACLs. */
export const aclKey = (acl: Acl): string =>
  JSON.stringify([
    acl.resourceType,
    acl.resourceName,
    acl.patternType,
    acl.principal,
    acl.host,
    acl.operation,
    acl.permissionType,
  ])

export class AclsImage {
  private readonly byId = new Map<Uuid, Acl>()
  private readonly keys = new Set<string>()

  get size(): number {
    return this.byId.size
  }

  has(acl: Acl): boolean {
    return this.keys.has(aclKey(acl))
  }

  entries(): Iterable<readonly [Uuid, Acl]> {
    return this.byId
  }

  add({ id, ...acl }: MetadataValue<'AccessControlEntryRecord'>): void {
    this.byId.set(id, acl)
    this.keys.add(aclKey(acl))
  }

  remove({ id }: MetadataValue<'RemoveAccessControlEntryRecord'>): void {
    const acl = this.byId.get(id)
    assert(acl, `removal of unknown ACL ${id}`)
    this.byId.delete(id)
    this.keys.delete(aclKey(acl))
  }
}

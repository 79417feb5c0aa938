/**
 * Quotas of the metadata log by the entity they are for. An entity is a set of parts (user,
 * client-id, ip), each with a name or with null, which stands for whoever has no quota of their
 * own.
 */
import type { MetadataValue } from './metadata-record.ts'

/** Names by type of part; null is the default of that type. */
export type QuotaEntity = ReadonlyMap<string, string | null>

export interface EntityQuotas {
  readonly entity: QuotaEntity
  readonly values: ReadonlyMap<string, number>
}

/** Equal for equal entities. */
export const entityKey = (entity: QuotaEntity): string => JSON.stringify([...entity].sort())

export const entityOf = (
  parts: readonly { readonly entityType: string; readonly entityName: string | null }[],
): QuotaEntity => new Map(parts.map(({ entityType, entityName }) => [entityType, entityName]))

export class ClientQuotasImage {
  private readonly byEntity = new Map<
    string,
    { readonly entity: QuotaEntity; readonly values: Map<string, number> }
  >()

  all(): Iterable<EntityQuotas> {
    return this.byEntity.values()
  }

  of(entity: QuotaEntity): ReadonlyMap<string, number> | undefined {
    return this.byEntity.get(entityKey(entity))?.values
  }

  change({ entity: parts, key, value, remove }: MetadataValue<'ClientQuotaRecord'>): void {
    const entity = entityOf(parts)
    const id = entityKey(entity)
    const quotas = this.byEntity.get(id) ?? { entity, values: new Map<string, number>() }
    if (remove) quotas.values.delete(key)
    else quotas.values.set(key, value)
    if (quotas.values.size === 0) this.byEntity.delete(id)
    else this.byEntity.set(id, quotas)
  }
}

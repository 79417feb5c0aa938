/** Decides about client quotas, and describes them. Pure. */
import {
  type AlterClientQuotasRequest,
  type AlterClientQuotasResponse,
  type DescribeClientQuotasRequest,
  errorCode,
  type Infer,
  type InferInput,
} from '@ottla/protocol'
import {
  type ClientQuotasImage,
  type EntityQuotas,
  entityKey,
  entityOf,
  type QuotaEntity,
} from './client-quotas-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'
import { type Decision, Refusal } from './topic-controller.ts'

type Alteration = Infer<typeof AlterClientQuotasRequest>['entries'][number]
type Answer = InferInput<typeof AlterClientQuotasResponse>['entries'][number]
type Component = Infer<typeof DescribeClientQuotasRequest>['components'][number]

/** Largest value by key; a key with `isWhole` takes no fractions. */
interface QuotaKey {
  readonly type: 'LONG' | 'INT' | 'DOUBLE'
  readonly max: number
}
const LONG: QuotaKey = { type: 'LONG', max: 2 ** 63 }
const INT: QuotaKey = { type: 'INT', max: 2 ** 31 - 1 }
const DOUBLE: QuotaKey = { type: 'DOUBLE', max: Number.MAX_VALUE }
const FRACTION_MAX = 1e-6

const USER_KEYS: ReadonlyMap<string, QuotaKey> = new Map([
  ['producer_byte_rate', LONG],
  ['consumer_byte_rate', LONG],
  ['request_percentage', DOUBLE],
  ['controller_mutation_rate', DOUBLE],
])
const IP_KEYS: ReadonlyMap<string, QuotaKey> = new Map([['connection_creation_rate', INT]])
const ENTITY_TYPES = ['user', 'client-id', 'ip']

/** `isAddress` tells whether a name is an address or stands for one. */
export function alterQuotas(
  quotas: ClientQuotasImage,
  entries: readonly Alteration[],
  isAddress: (name: string) => boolean,
): Decision<Answer[]> {
  const records: MetadataRecord[] = []
  const answers = new Map<string, Answer>()
  for (const { entity: parts, ops } of entries) {
    const entity = entityOf(parts)
    const key = entityKey(entity)
    const answer = { errorCode: 0, errorMessage: null as string | null, entity: partsOf(entity) }
    try {
      if (answers.has(key) || new Set(ops.map((op) => op.key)).size < ops.length) {
        throw invalid(`Ignoring duplicate entity ${entityText(entity)}`)
      }
      records.push(...quotaRecords(quotas, entity, ops, isAddress))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer.errorCode = errorCode(error.error)
      answer.errorMessage = error.message
    }
    answers.set(key, answer)
  }
  return { records, response: [...answers.values()] }
}

const invalid = (message: string) => new Refusal('INVALID_REQUEST', message)

const partsOf = (entity: QuotaEntity) =>
  [...entity].map(([entityType, entityName]) => ({ entityType, entityName }))

/** As Apache Kafka writes an entity in its messages. */
const entityText = (entity: QuotaEntity): string =>
  `ClientQuotaEntity(entries={${[...entity].map(([type, name]) => `${type}=${name}`).join(', ')}})`

function quotaRecords(
  quotas: ClientQuotasImage,
  entity: QuotaEntity,
  ops: Alteration['ops'],
  isAddress: (name: string) => boolean,
): MetadataRecord[] {
  const keys = keysOf(entity, isAddress)
  const current = quotas.of(entity)
  const parts = partsOf(entity)
  const records: MetadataRecord[] = []
  for (const { key, value, remove } of ops) {
    if (!remove) checkValue(keys.get(key), key, value)
    const isChange = remove ? current?.has(key) : current?.get(key) !== value
    if (!isChange) continue
    records.push(
      metadataRecord('ClientQuotaRecord', {
        entity: parts,
        key,
        value: remove ? 0 : value,
        remove,
      }),
    )
  }
  return records
}

/** Which quotas an entity can have; throws when there can be no such entity. */
function keysOf(
  entity: QuotaEntity,
  isAddress: (name: string) => boolean,
): ReadonlyMap<string, QuotaKey> {
  if (entity.size === 0) throw invalid('Invalid empty client quota entity')
  for (const [type, name] of entity) {
    if (!ENTITY_TYPES.includes(type)) throw invalid(`Unhandled client quota entity type: ${type}`)
    if (name === '') throw invalid(`Empty ${type} not supported`)
  }
  if (!entity.has('ip')) return USER_KEYS
  if (entity.size > 1) {
    throw invalid(
      'Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId',
    )
  }
  const ip = entity.get('ip') as string | null
  if (ip !== null && !isAddress(ip)) {
    throw invalid(`${ip} is not a valid IP or resolvable host.`)
  }
  return IP_KEYS
}

function checkValue(row: QuotaKey | undefined, key: string, value: number): void {
  if (!row) throw invalid(`Invalid configuration key ${key}`)
  if (!Number.isFinite(value)) throw invalid(`Quota ${key} must be a finite number`)
  if (value <= 0) throw invalid(`Quota ${key} must be greater than 0`)
  if (row.type === 'DOUBLE') return
  if (value > row.max) {
    const article = row.type === 'INT' ? 'an' : 'a'
    throw invalid(`Proposed value for ${key} is too large for ${article} ${row.type}.`)
  }
  if (value % 1 > FRACTION_MAX) throw invalid(`${key} cannot be a fractional value.`)
}

const MatchType = { EXACT: 0, DEFAULT: 1, SPECIFIED: 2 } as const

/** Entities that have all the named parts; with `strict`, no others. Throws a Refusal. */
export function describeQuotas(
  quotas: ClientQuotasImage,
  components: readonly Component[],
  strict: boolean,
): EntityQuotas[] {
  checkComponents(components)
  return [...quotas.all()].filter(({ entity }) => {
    if (strict && entity.size !== components.length) return false
    return components.every(({ entityType, matchType, match }) => {
      if (!entity.has(entityType)) return false
      return matchType === MatchType.SPECIFIED || entity.get(entityType) === match
    })
  })
}

function checkComponents(components: readonly Component[]): void {
  const types = new Set<string>()
  for (const { entityType: type, matchType, match } of components) {
    if (type === '') throw invalid('Invalid empty entity type.')
    if (types.has(type)) {
      throw invalid(`Entity type ${type} cannot appear more than once in the filter.`)
    }
    if (!ENTITY_TYPES.includes(type)) {
      throw new Refusal('UNSUPPORTED_VERSION', `Unsupported entity type ${type}`)
    }
    types.add(type)
    checkMatch(matchType, match)
  }
  if (types.has('ip') && types.size > 1) {
    throw invalid(
      'Invalid entity filter component combination. IP filter component should not be used with ' +
        'user or clientId filter component.',
    )
  }
}

function checkMatch(matchType: number, match: string | null): void {
  if (matchType === MatchType.EXACT) {
    if (match !== null) return
    throw invalid('Request specified MATCH_TYPE_EXACT, but set match string to null.')
  }
  const name = Object.entries(MatchType).find(([, number]) => number === matchType)?.[0]
  if (!name) throw invalid(`Unknown match type ${matchType}`)
  if (match !== null) {
    throw invalid(`Request specified MATCH_TYPE_${name}, but also specified a match string.`)
  }
}

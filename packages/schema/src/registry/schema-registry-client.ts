/**
 * A schema registry that speaks Confluent's REST API, whoever made it. Ids, and the schemas under
 * them, never change, so answers about them are kept; what is being asked for is asked for once.
 */
import { SharedAnswers } from './bounded-cache.ts'
import { RegistryHttp, type RegistryHttpOptions } from './registry-http.ts'
import type {
  CompatibilityResult,
  RegisteredSchema,
  SchemaDefinition,
  SchemaReference,
  SchemaType,
  SubjectVersion,
} from './schema.ts'

export interface SchemaRegistryOptions extends RegistryHttpOptions {
  /** Schemas and ids kept, each. Default 1000. */
  readonly cacheSize?: number | undefined
  /** Lets the registry take schemas that differ in form only as the same. Default false. */
  readonly normalize?: boolean | undefined
}

/** A schema that another one refers to, and the name it has there. */
export interface ResolvedReference {
  readonly name: string
  readonly schema: string
}

/** More than this many schemas under one are taken as a mistake. */
const REFERENCES_MAX = 1_000

export class SchemaRegistryClient {
  private readonly http: RegistryHttp
  private readonly normalize: boolean
  private readonly byId: SharedAnswers<number, RegisteredSchema>
  private readonly ids: SharedAnswers<string, number>
  private readonly versions: SharedAnswers<string, SubjectVersion>

  constructor(options: SchemaRegistryOptions) {
    this.http = new RegistryHttp(options)
    this.normalize = options.normalize ?? false
    const { cacheSize = 1_000 } = options
    this.byId = new SharedAnswers(cacheSize)
    this.ids = new SharedAnswers(cacheSize)
    this.versions = new SharedAnswers(cacheSize)
  }

  /** The schema of an id. Rejects with a SchemaRegistryError: SCHEMA_NOT_FOUND without one. */
  schemaById(id: number): Promise<RegisteredSchema> {
    return this.byId.get(id, async () => {
      const what = `Getting the schema of id ${id}`
      const answer = await this.http.request({ what, about: { id }, path: `/schemas/ids/${id}` })
      return { ...definitionOf(answer), id }
    })
  }

  /** Id of a schema under a subject, which becomes a new version of it if it is not one yet. */
  register(subject: string, schema: SchemaDefinition): Promise<number> {
    return this.idOf('register', subject, schema)
  }

  /** Id of a schema that must be under the subject already. */
  lookup(subject: string, schema: SchemaDefinition): Promise<number> {
    return this.idOf('lookup', subject, schema)
  }

  private idOf(how: 'register' | 'lookup', subject: string, schema: SchemaDefinition) {
    const key = JSON.stringify([how, subject, schema.schemaType, schema.schema, schema.references])
    return this.ids.get(key, async () => {
      const isNew = how === 'register'
      const path = `/subjects/${encodeURIComponent(subject)}${isNew ? '/versions' : ''}`
      const what = `${isNew ? 'Registering' : 'Looking up'} a schema under ${subject}`
      const answer = (await this.http.request({
        what,
        about: { subject },
        path: `${path}${this.normalize ? '?normalize=true' : ''}`,
        body: bodyOf(schema),
      })) as { id: number }
      return answer.id
    })
  }

  /** The newest version of a subject, asked for anew with each call. */
  latest(subject: string): Promise<SubjectVersion> {
    return this.readVersion(subject, 'latest')
  }

  version(subject: string, version: number): Promise<SubjectVersion> {
    const key = JSON.stringify([subject, version])
    return this.versions.get(key, () => this.readVersion(subject, version))
  }

  private async readVersion(subject: string, version: number | 'latest'): Promise<SubjectVersion> {
    const answer = (await this.http.request({
      what: `Getting version ${version} of ${subject}`,
      about: { subject },
      path: `/subjects/${encodeURIComponent(subject)}/versions/${version}`,
    })) as SubjectVersion
    const { id } = answer
    return { ...definitionOf(answer), subject, id, version: answer.version }
  }

  /** Whether the registry would take the schema as the next version after `version`. */
  async checkCompatibility(
    subject: string,
    schema: SchemaDefinition,
    version: number | 'latest' = 'latest',
  ): Promise<CompatibilityResult> {
    const name = encodeURIComponent(subject)
    const answer = (await this.http.request({
      what: `Checking a schema against version ${version} of ${subject}`,
      about: { subject },
      path: `/compatibility/subjects/${name}/versions/${version}?verbose=true`,
      body: bodyOf(schema),
    })) as { is_compatible: boolean; messages?: readonly string[] }
    return { isCompatible: answer.is_compatible, messages: answer.messages ?? [] }
  }

  /** Every schema that one refers to, directly or not, each after those it refers to itself. */
  async resolveReferences(schema: SchemaDefinition): Promise<ResolvedReference[]> {
    const resolved = new Map<string, ResolvedReference>()
    const seen = new Set<string>()
    const visit = async (references: readonly SchemaReference[]): Promise<void> => {
      for (const { name, subject, version } of references) {
        if (seen.has(name)) continue
        seen.add(name)
        if (seen.size > REFERENCES_MAX) {
          throw new RangeError(`a schema refers to more than ${REFERENCES_MAX} others`)
        }
        const found = await this.version(subject, version)
        await visit(found.references)
        resolved.set(name, { name, schema: found.schema })
      }
    }
    await visit(schema.references)
    return [...resolved.values()]
  }
}

interface SchemaAnswer {
  readonly schema: string
  readonly schemaType?: SchemaType
  readonly references?: readonly SchemaReference[]
}

/** The registry leaves out what is Avro and what is empty. */
function definitionOf(answer: unknown): SchemaDefinition {
  const { schema, schemaType = 'AVRO', references = [] } = answer as SchemaAnswer
  return { schema, schemaType, references }
}

const bodyOf = ({ schema, schemaType, references }: SchemaDefinition): SchemaAnswer => ({
  schema,
  ...(schemaType !== 'AVRO' && { schemaType }),
  ...(references.length > 0 && { references }),
})

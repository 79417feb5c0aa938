import { OttlaError } from '@ottla/base'

/** What a request was about; goes into the message of its error. */
export interface RequestSubject {
  readonly subject?: string | undefined
  readonly id?: number | undefined
}

/** The registry refused a request, or none of its URLs answered. Holds no credentials. */
export class SchemaRegistryError extends OttlaError {
  /** The registry's own number, such as 40403; the HTTP status where it gave none. */
  readonly errorCode: number | undefined
  readonly subject: string | undefined
  readonly id: number | undefined
  /** The same request may succeed later; the client has retried it already. */
  readonly isRetriable: boolean
  /** The registry has no such subject, version or schema. */
  readonly isMissing: boolean

  constructor(
    what: string,
    problem: {
      readonly errorCode?: number | undefined
      readonly reason: string
      readonly about: RequestSubject
    },
  ) {
    const { errorCode, reason, about } = problem
    const known = errorCode === undefined ? undefined : KNOWN[errorCode]
    const number = errorCode === undefined ? '' : ` (${errorCode})`
    super(`${what}: ${reason}${number}`, {
      code: known?.code ?? (errorCode === undefined ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_ERROR'),
      hint: known?.hint ?? (errorCode === undefined ? UNREACHABLE : undefined),
    })
    this.errorCode = errorCode
    this.subject = about.subject
    this.id = about.id
    this.isRetriable = errorCode === undefined || isServerFault(errorCode)
    this.isMissing = MISSING.has(errorCode)
  }
}

/** Faults of the server or of too many requests: HTTP status or the registry's number. */
export const isServerFault = (code: number): boolean =>
  code === 408 || code === 429 || String(code).startsWith('5')

const MISSING: ReadonlySet<number | undefined> = new Set([40401, 40402, 40403])

const UNREACHABLE = 'Check the option urls, and that the registry is up and can be reached.'
const UNAUTHORIZED = 'Check the option auth: user name and password, or token.'
const NO_ID = 'The bytes are of another registry, or its schemas were deleted for good.'

const KNOWN: Readonly<Record<number, { readonly code: string; readonly hint: string }>> = {
  401: { code: 'REGISTRY_UNAUTHORIZED', hint: UNAUTHORIZED },
  403: { code: 'REGISTRY_FORBIDDEN', hint: 'Give this user the right to the subject.' },
  404: { code: 'REGISTRY_NOT_FOUND', hint: 'Check that the URL is that of a schema registry.' },
  409: {
    code: 'SCHEMA_INCOMPATIBLE',
    hint: 'Change the schema so that it fits the versions before, or the level of the subject.',
  },
  40101: { code: 'REGISTRY_UNAUTHORIZED', hint: UNAUTHORIZED },
  40401: {
    code: 'SUBJECT_NOT_FOUND',
    hint: "Register the schema first, or let the serde do it with write: 'register'.",
  },
  40402: { code: 'VERSION_NOT_FOUND', hint: 'List the versions of the subject.' },
  40403: { code: 'SCHEMA_NOT_FOUND', hint: NO_ID },
  42201: { code: 'SCHEMA_INVALID', hint: 'The registry cannot parse the schema: mend its text.' },
  42205: { code: 'REGISTRY_READ_ONLY', hint: 'The mode of the subject forbids it; change it.' },
}

/**
 * The Standard Schema interface (version 1), which zod, valibot, arktype and others implement.
 * Written out here so that the client depends on none of them.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] }

export interface StandardSchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type SchemaInput<S> = S extends StandardSchema<infer I, unknown> ? I : never
export type SchemaOutput<S> = S extends StandardSchema<unknown, infer O> ? O : never

export function isStandardSchema(value: unknown): value is StandardSchema {
  // Some libraries make their schemas functions (arktype).
  const isHolder = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isHolder && '~standard' in (value as object)
}

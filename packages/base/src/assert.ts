import { OttlaError } from './errors.ts'

/** A broken invariant of ottla itself. Nobody catches it: the process reports it and ends. */
export class AssertionError extends OttlaError {
  constructor(message: string) {
    super(message, { code: 'OTTLA_BUG' })
    this.name = 'AssertionError'
  }
}

/** Throws an {@link AssertionError} unless the condition holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** For the `default` of a switch over a union that has been handled completely. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}

/** Every message of the tables, for tests and tools that go through all of them. */
import * as protocol from '../index.ts'
import { RequestHeader, ResponseHeader } from '../messages/header.ts'
import type { Message } from './schema.ts'

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'fields' in value && 'lowest' in value

export const everyMessage: readonly Message[] = [
  ...Object.values(protocol as Record<string, unknown>).filter(isMessage),
  RequestHeader as unknown as Message,
  ResponseHeader as unknown as Message,
]

/** Versions of a message, lowest first. */
export const versionsOf = (message: Message): number[] =>
  Array.from({ length: message.highest - message.lowest + 1 }, (_, i) => message.lowest + i)

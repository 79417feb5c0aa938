/**
 * A token that is shared by all connections while it is good, and asked for once however many want
 * a new one. Connections and renewals of sessions come in bursts; whoever gives out tokens need not
 * know.
 */
import { type Clock, realClock } from '@ottla/base'

export interface FreshToken {
  readonly value: string
  readonly lifetimeMs: number
}

/** Part of its life after which a token is not given to anybody any more. */
const USED_UP = 0.8

export function sharedToken(
  fetchToken: () => Promise<FreshToken>,
  clock: Pick<Clock, 'monotonicMs'> = realClock,
): () => Promise<string> {
  let known: { readonly value: string; readonly goodUntilMs: number } | undefined
  let asking: Promise<string> | undefined
  const ask = async () => {
    const askedAtMs = clock.monotonicMs()
    const { value, lifetimeMs } = await fetchToken()
    known = { value, goodUntilMs: askedAtMs + lifetimeMs * USED_UP }
    return value
  }
  return () => {
    if (known && clock.monotonicMs() < known.goodUntilMs) return Promise.resolve(known.value)
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return asking
  }
}

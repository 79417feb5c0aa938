/** Differences that stay, each with its reason. */
import type { Api } from '@ottla/protocol'
import type { Difference } from './differential.ts'

interface Known {
  readonly api: string
  readonly reason: string
  readonly applies: (difference: Difference) => boolean
}

export const KNOWN: readonly Known[] = []

export function reasonFor(api: Api, difference: Difference): string | undefined {
  return KNOWN.find((known) => known.api === api.name && known.applies(difference))?.reason
}

import type { Assignor, AssignorName } from './assignor.ts'
import { cooperativeStickyAssignor } from './cooperative-sticky-assignor.ts'
import { rangeAssignor } from './range-assignor.ts'
import { roundRobinAssignor } from './round-robin-assignor.ts'

const ASSIGNORS: readonly Assignor[] = [
  rangeAssignor,
  roundRobinAssignor,
  cooperativeStickyAssignor,
]

export function assignorsOf(names: readonly AssignorName[]): readonly Assignor[] {
  return names.map((name) => {
    const assignor = ASSIGNORS.find((known) => known.name === name)
    if (assignor) return assignor
    throw new TypeError(`unknown assignor ${name}; known are ${ASSIGNORS.map((a) => a.name)}`)
  })
}

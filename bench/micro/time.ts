/** Timing for the micro benches: rounds are interleaved, the best of each candidate counts. */

export interface Candidate {
  readonly name: string
  /** Work per call, in the unit that the result is divided by. */
  readonly count: number
  readonly run: () => unknown
}

export interface Timing {
  readonly name: string
  /** Nanoseconds per unit: best and median of the rounds. */
  readonly best: number
  readonly median: number
}

const WARM_UP_CALLS = 200
const ROUND_NS = 60_000_000n
const ROUNDS = 9

/** Keeps results alive, so that the work is not optimised away. */
export let sink: unknown

function round(candidate: Candidate): number {
  const start = process.hrtime.bigint()
  let calls = 0
  let elapsed = 0n
  while (elapsed < ROUND_NS) {
    for (let i = 0; i < 8; i++) sink = candidate.run()
    calls += 8
    elapsed = process.hrtime.bigint() - start
  }
  return Number(elapsed) / calls / candidate.count
}

export function time(candidates: readonly Candidate[]): Timing[] {
  for (const candidate of candidates) {
    for (let i = 0; i < WARM_UP_CALLS; i++) sink = candidate.run()
  }
  const rounds = candidates.map((): number[] => [])
  for (let i = 0; i < ROUNDS; i++) {
    for (const [at, candidate] of candidates.entries()) rounds[at]?.push(round(candidate))
  }
  return candidates.map(({ name }, at) => {
    const sorted = (rounds[at] as number[]).sort((a, b) => a - b)
    return { name, best: sorted[0] as number, median: sorted[ROUNDS >> 1] as number }
  })
}

export function printTimings(title: string, unit: string, timings: readonly Timing[]): void {
  const lines = timings.map(
    ({ name, best, median }) =>
      `  ${name.padEnd(44)}${best.toFixed(0).padStart(8)}${median.toFixed(0).padStart(8)}`,
  )
  const head = `${title} (ns per ${unit}: best, median)`
  process.stdout.write(`${head}\n${lines.join('\n')}\n\n`)
}

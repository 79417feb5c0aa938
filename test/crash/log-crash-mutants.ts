import { type CrashReport, type CrashRunOptions, runCrashTest } from './log-crash.ts'

/** Rules broken on purpose. A crash test that does not notice one of them proves nothing. */
export const MUTANTS: Readonly<Record<string, Pick<CrashRunOptions, 'mutants' | 'lies'>>> = {
  'no fdatasync': { lies: { lieAboutSync: true } },
  'no directory sync': { lies: { lieAboutDirectorySync: true } },
  'high watermark ahead of sync': { mutants: { highWatermarkAheadOfSync: true } },
  'indexes trusted after a crash': { mutants: { trustIndexesAfterCrash: true } },
}

/** Runs until the mutant is caught or the points are used up. */
export function runMutant(name: string, seed: number, points: number): Promise<CrashReport> {
  return runCrashTest({ seed, points, isFirstEnough: true, ...MUTANTS[name] })
}

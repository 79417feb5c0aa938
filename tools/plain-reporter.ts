/**
 * Prints a line per test file and each failure in full, and ends with the plain line that scripts
 * look for: `N passed, N failed`. A file that cannot be loaded, or an error outside any test,
 * counts as a failure.
 */
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'

const write = (line: string) => process.stdout.write(`${line}\n`)

/** Of the file itself, and of what its suites do before and after their tests. */
const errorsOf = (module: TestModule): SerializedError[] => [
  ...module.errors(),
  ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
]

export default class PlainReporter implements Reporter {
  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()]
    const failed = tests.filter((test) => test.result().state === 'failed')
    const errors = errorsOf(module)
    const ok = failed.length === 0 && errors.length === 0
    const ms = Math.round(module.diagnostic().duration)
    write(`${ok ? 'ok  ' : 'FAIL'} ${module.relativeModuleId} (${tests.length} tests, ${ms} ms)`)
    for (const test of failed) this.failure(test)
    for (const error of errors) write(`     ${error.stack ?? error.message}`)
  }

  private failure(test: TestCase): void {
    write(`     ${test.fullName}`)
    for (const error of test.result().errors ?? []) {
      write(`       ${(error.stack ?? error.message).replaceAll('\n', '\n       ')}`)
      if (error.diff) write(error.diff)
    }
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0
    let failed = unhandled.length
    let skipped = 0
    for (const error of unhandled) write(`unhandled: ${error.stack ?? error.message}`)
    for (const module of modules) {
      if (errorsOf(module).length > 0) failed++
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else skipped++
      }
    }
    write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  }
}

/** Each check is shown one planted fault, so that silence means there is nothing to find. */
import { describe, expect, it } from 'vitest'
import { checkHandlerHeaders, checkHotHeaders, checkLockFile, checkMarkdown } from './documents.ts'
import { checkDeadFiles, checkLayers } from './imports.ts'
import { checkFileSizes, checkFunctions } from './sizes.ts'
import { type Finding, SourceFile } from './source-files.ts'
import { checkConstructs, checkFileNames, checkGlossary, checkTexts } from './words.ts'

const problems = (findings: readonly Finding[]) => findings.map((finding) => finding.problem)
const broker = (text: string, name = 'planted') =>
  new SourceFile(`packages/broker/src/${name}.ts`, text)

/** In pieces, so that tidy does not find them here. */
const word = (...pieces: string[]) => pieces.join('')

describe('tidy finds', () => {
  it.each([
    ["import { a } from '@ottla/client'", 'broker imports client'],
    [
      "import { a } from '../../client/src/index.ts'",
      '../../client/src/index.ts leaves the package',
    ],
    ["const a = await import('@ottla/cli')", 'broker imports cli'],
  ])('%s', (text, problem) => {
    expect(problems(checkLayers([broker(text)]))).toEqual([problem])
  })

  it('node: modules in pure code', () => {
    const pure = new SourceFile('packages/broker/src/coordinator/a.ts', "import 'node:fs'")
    expect(problems(checkLayers([pure]))).toEqual(['node:fs in code that must do no I/O'])
  })

  it('files that nobody imports', () => {
    const files = [broker("import './used.ts'", 'index'), broker('', 'used'), broker('', 'unused')]
    expect(checkDeadFiles(files).map(({ file }) => file)).toEqual(['packages/broker/src/unused.ts'])
  })

  it.each([
    ['enum A { B }', 'enum'],
    ["export * from './a.ts'", 'export *'],
    ['const a: any = 1', 'any without a reason'],
    ['const a = Date.now()', 'Date.now'],
    ['const a = Math.random()', 'Math.random'],
    ['setTimeout(f, 1)', 'setTimeout'],
    ['console.log(1)', 'console.log'],
    ['const a = process.env', 'process.env'],
  ])('%s', (text, problem) => {
    expect(problems(checkConstructs([broker(text)]))).toEqual([problem])
  })

  it('logic in an index', () => {
    expect(problems(checkConstructs([broker('export const a = 1', 'index')]))).toEqual([
      'logic in an index',
    ])
  })

  it('leftovers and machine paths', () => {
    const texts = [
      word('// FIX', 'ME'),
      word('// TO', 'DO later'),
      word('it.on', 'ly(f)'),
      word("'/ho", "me/me/x'"),
      word('https://registry.npm', 'js.org/x'),
    ]
    const findings = checkTexts([broker(texts.join('\n'))])
    expect(findings.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5])
  })

  it('names that say nothing and words that are not ours', () => {
    expect(checkFileNames([broker('', 'utils')])).toHaveLength(1)
    expect(checkFileNames([broker('', 'someThing')])).toHaveLength(1)
    expect(checkGlossary([broker('const lastLso = 1')])).toHaveLength(1)
  })

  it('long files, lines, functions and parameter lists', () => {
    expect(checkFileSizes([broker('a\n'.repeat(601))]).findings).toHaveLength(1)
    expect(checkFileSizes([broker(`// ${'a '.repeat(60)}`)]).findings).toHaveLength(1)
    const functions = `function f() {${'\n'.repeat(71)}}\nconst g = (a, b, c, d, e) => {}`
    const found = problems(checkFunctions([broker(functions)]))
    expect(found.filter((problem) => /^[fg] /.test(problem))).toHaveLength(2)
  })

  it('documents that lead nowhere', () => {
    expect(checkMarkdown([new SourceFile('a.md', '# A\n# B\n[c](no-such.md)')])).toHaveLength(2)
    const header =
      '/** Fetch (key 1), versions 4-17. */\nhandler(apis.fetch, { lowest: 4, highest: 18 '
    expect(checkHandlerHeaders([broker(header, 'handlers/fetch')])).toHaveLength(2)
    expect(checkHotHeaders([broker('// HOT: guarded by hope')])).toHaveLength(1)
    const lock = new SourceFile('package-lock.json', '"resolved": "https://a/b.tgz"')
    expect(checkLockFile([lock])).toHaveLength(1)
  })
})

/** The rules of docs/style.md as a test. Every failure names the file, the line and the cure. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { referencePages } from './docs/reference-pages.ts'
import {
  checkHandlerHeaders,
  checkHotHeaders,
  checkLockFile,
  checkMarkdown,
  checkReadmes,
} from './tidy/documents.ts'
import { checkDeadFiles, checkLayers } from './tidy/imports.ts'
import { checkFileSizes, checkFunctions } from './tidy/sizes.ts'
import {
  describeFinding,
  type Finding,
  ROOT,
  readSourceFiles,
  type SourceFile,
} from './tidy/source-files.ts'
import { checkConstructs, checkFileNames, checkGlossary, checkTexts } from './tidy/words.ts'

let files: SourceFile[]

beforeAll(() => {
  files = readSourceFiles()
})

const expectNone = (findings: readonly Finding[]) =>
  expect(findings.map(describeFinding).join('\n')).toBe('')

describe('the repository', () => {
  it('imports downwards and by name', () => expectNone(checkLayers(files)))

  it('has no file that nobody uses', () => expectNone(checkDeadFiles(files)))

  it('keeps files and lines short', () => {
    const { findings, warnings } = checkFileSizes(files)
    for (const warning of warnings) process.stdout.write(`tidy: ${warning}\n`)
    expectNone(findings)
  })

  it('keeps functions and parameter lists short', () => expectNone(checkFunctions(files)))

  it('passes in time, chance and logs, and uses no banned construct', () =>
    expectNone(checkConstructs(files)))

  it('has no leftovers, machine paths or registries', () => expectNone(checkTexts(files)))

  it('names files for what they export', () => expectNone(checkFileNames(files)))

  it("uses Kafka's words", () => expectNone(checkGlossary(files)))

  it('has a README with the same headings in every package', () => expectNone(checkReadmes(files)))

  it('has Markdown with one title and links that lead somewhere', () =>
    expectNone(checkMarkdown(files)))

  it('has handlers that say what they do', () => expectNone(checkHandlerHeaders(files)))

  it('guards hot files with a bench', () => expectNone(checkHotHeaders(files)))

  it('has reference pages that say what the tables say; npm run docs writes them', async () => {
    const directory = join(ROOT, 'docs', 'reference')
    const pages = await referencePages()
    expect(readdirSync(directory).sort()).toEqual(Object.keys(pages).sort())
    for (const [name, text] of Object.entries(pages)) {
      expect(readFileSync(join(directory, name), 'utf8'), name).toBe(text)
    }
  })

  it('records no download addresses', () => expectNone(checkLockFile(files)))
})

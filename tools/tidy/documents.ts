/** READMEs, titles, headers of handlers and hot files, links, the lock file. */
import { dirname, join, normalize } from 'node:path'
import { definedHandlers, handlerHeader } from '../docs/handler-header.ts'
import { type Finding, fileExists, type SourceFile } from './source-files.ts'

const HEADINGS = ['Map', 'What always holds', 'Not here']

export function checkReadmes(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  const packages = files
    .map(({ path }) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1])
    .filter((name) => name !== undefined)
  for (const name of packages) {
    const path = `packages/${name}/README.md`
    const readme = files.find((file) => file.path === path)
    const report = (problem: string, cure: string) =>
      findings.push({ file: path, line: 1, problem, cure })
    if (!readme) {
      report('is missing', 'Say what the package is, with an example (docs/style.md).')
      continue
    }
    for (const heading of HEADINGS) {
      if (!readme.lines.includes(`## ${heading}`)) report(`has no "## ${heading}"`, 'Add it.')
    }
    if (!readme.text.includes('```')) report('has no example', 'Show the package in use.')
  }
  return findings
}

export function checkMarkdown(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    if (!file.path.endsWith('.md')) continue
    const prose = withoutFences(file.lines)
    const titles = prose.filter((line) => line.startsWith('# ')).length
    if (titles !== 1) {
      const problem = `${titles} titles`
      findings.push({ file: file.path, line: 1, problem, cure: 'Have exactly one "# " line.' })
    }
    prose.forEach((line, index) => {
      for (const [, link = ''] of line.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(link)) continue
        if (fileExists(normalize(join(dirname(file.path), link)))) continue
        const problem = `${link} does not exist`
        findings.push({ file: file.path, line: index + 1, problem, cure: 'Mend the link.' })
      }
    })
  }
  return findings
}

/** Lines of code blocks become empty, so that line numbers stay. */
function withoutFences(lines: readonly string[]): string[] {
  let isFenced = false
  return lines.map((line) => {
    const isFence = line.startsWith('```')
    if (isFence) isFenced = !isFenced
    return isFenced || isFence ? '' : line
  })
}

export function checkHandlerHeaders(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    if (!file.path.startsWith('packages/broker/src/handlers/') || file.isTest) continue
    const defined = definedHandlers(file.text)
    if (defined.length === 0) continue
    const header = handlerHeader(file.text)
    const report = (problem: string) =>
      findings.push({
        file: file.path,
        line: 1,
        problem,
        cure: 'Begin with "Name (key N), versions a-b." and Behaviour, Version notes, Differences.',
      })
    if (!header) {
      report('no header')
      continue
    }
    if (!header.behaviour) report('the header has no "Behaviour:"')
    for (const { name, lowest, highest } of defined) {
      const range = lowest === highest ? `(${lowest}-)?${highest}` : `${lowest}-${highest}`
      const said = new RegExp(`\\b${name} \\((key )?\\d+\\),?( versions?)? ${range}\\b`)
      if (!said.test(header.text)) report(`the header does not say ${name} ${lowest}-${highest}`)
    }
  }
  return findings
}

export function checkHotHeaders(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    if (!file.isCode || file.path.startsWith('tools/tidy')) continue
    file.lines.forEach((line, index) => {
      if (!/\bHOT:/.test(line)) return
      const bench = /HOT: guarded by (bench\/[\w./-]+\.ts)/.exec(line)?.[1]
      if (bench && fileExists(bench)) return
      findings.push({
        file: file.path,
        line: index + 1,
        problem: bench ? `${bench} does not exist` : 'HOT: names no bench',
        cure: 'Write "HOT: guarded by bench/<kind>/<name>.ts".',
      })
    })
  }
  return findings
}

export function checkLockFile(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => path.endsWith('package-lock.json'))
    .flatMap((file) =>
      file.lines.flatMap((line, index) =>
        line.includes('"resolved": "http')
          ? [
              {
                file: file.path,
                line: index + 1,
                problem: 'a download address',
                cure: 'Install with the .npmrc of the repository, which leaves them out.',
              },
            ]
          : [],
      ),
    )
}

/** Words and constructs that do not belong, each with what to write instead. */
import ts from 'typescript'
import { eachNode, type Finding, type SourceFile } from './source-files.ts'

/**
 * Where real time, chance and the environment may be touched. kafkajs reads variables of the
 * environment and writes to the console, so what stands in for it does.
 */
const isEdge = (file: SourceFile): boolean =>
  !file.isProduction || ['base', 'cli', 'testing', 'kafkajs'].includes(file.packageName ?? '')

const CALLS: Readonly<Record<string, string>> = {
  'Date.now': 'Take a Clock and call clock.now().',
  'performance.now': 'Take a Clock and call clock.monotonicMs().',
  'Math.random': 'Take a Random.',
  'process.env': 'Take the value as an option; only the command line reads the environment.',
  setTimeout: 'Take a Clock and use its timers.',
  setInterval: 'Take a Clock and use its timers.',
  'console.log': 'Take a Logger.',
  'console.error': 'Take a Logger.',
}

/** Meant for people at a terminal. */
const mayPrint = (file: SourceFile): boolean =>
  !file.isProduction ||
  ['cli', 'kafkajs'].includes(file.packageName ?? '') ||
  /^(bench|demo|tools)\//.test(file.path)

export function checkConstructs(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    if (!file.isCode) continue
    const report: Report = (node, problem, cure) =>
      findings.push({ file: file.path, line: file.lineOf(node.getStart()), problem, cure })
    checkIndex(file, report)
    eachNode(file.tree, (node) => {
      if (ts.isEnumDeclaration(node)) {
        report(node, 'enum', 'Write an `as const` object and a union type of the same name.')
      }
      if (ts.isExportDeclaration(node) && !node.exportClause) {
        report(node, 'export *', 'List the names.')
      }
      if (node.kind === ts.SyntaxKind.AnyKeyword && !hasReason(file, node)) {
        report(node, 'any without a reason', 'Write unknown, or a biome-ignore line that says why.')
      }
      checkCall(file, node, report)
    })
  }
  return findings
}

type Report = (node: ts.Node, problem: string, cure: string) => void

/** The index of a package is its public API on one screen. */
function checkIndex(file: SourceFile, report: Report): void {
  if (!/^packages\/[^/]+\/src\/index\.ts$/.test(file.path)) return
  for (const statement of file.tree.statements) {
    if (ts.isExportDeclaration(statement) || ts.isImportDeclaration(statement)) continue
    report(statement, 'logic in an index', 'Move it to a file of its own; an index lists names.')
  }
}

function hasReason(file: SourceFile, node: ts.Node): boolean {
  const line = file.lineOf(node.getStart())
  return file.lines
    .slice(Math.max(0, line - 4), line)
    .some((text) => text.includes('noExplicitAny'))
}

function checkCall(file: SourceFile, node: ts.Node, report: Report): void {
  const isAccess = ts.isPropertyAccessExpression(node)
  const isCall = ts.isCallExpression(node) && ts.isIdentifier(node.expression)
  if (!isAccess && !isCall) return
  const name = isAccess ? node.getText() : node.expression.getText()
  if (!Object.hasOwn(CALLS, name)) return
  const mayPass = name.startsWith('console.') ? mayPrint(file) : isEdge(file)
  if (!mayPass) report(node, name, CALLS[name] as string)
}

interface BannedText {
  readonly pattern: RegExp
  readonly cure: string
  readonly where: (file: SourceFile) => boolean
}

const code = (file: SourceFile): boolean => file.isCode && !file.path.startsWith('tools/tidy')

const TEXTS: readonly BannedText[] = [
  { pattern: /\b(FIXME|XXX)\b/, cure: 'Mend it, or file an issue.', where: code },
  {
    pattern: /\bTODO(?!\(#\d+\))/,
    cure: 'Give the number of an issue: TODO(#12).',
    where: code,
  },
  {
    pattern: /\b(it|test|describe)\.(only|skip|todo)\b/,
    cure: 'Run all tests; a test that cannot run here must say so as a condition.',
    where: code,
  },
  {
    // The patterns of this rule are in pieces, so that they do not find themselves.
    pattern: /(^|[\s'"`(])\/(home|Users|root|work|tmp|mnt|srv)\//,
    cure: 'Take a path relative to the file or a directory from mkdtemp.',
    where: (file) => !file.path.startsWith('tools/tidy'),
  },
  {
    pattern: /(registry\.(npmjs|yarnpkg)|repo1?\.maven|maven\.org|pythonhosted|proxy\.golang)/,
    cure: 'Name no registry: which one is used is the business of whoever installs.',
    where: (file) => !file.path.startsWith('tools/tidy'),
  },
]

/** Kafka's own default of log.dir; the table shows it and the sentence beside it warns of it. */
const KAFKA_LOG_DIR = /\/tmp\/kafka-logs|below \/tmp/

export function checkTexts(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    const banned = TEXTS.filter(({ where }) => where(file))
    file.lines.forEach((line, index) => {
      for (const { pattern, cure } of banned) {
        const found = pattern.exec(line)
        if (!found || KAFKA_LOG_DIR.test(line)) continue
        findings.push({ file: file.path, line: index + 1, problem: found[0].trim(), cure })
      }
    })
  }
  return findings
}

const FILE_NAMES = /(^|\/)(utils?|helpers?|common|misc)\.ts$/

export function checkFileNames(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const { path, isCode } of files) {
    if (!isCode) continue
    const base = path.slice(path.lastIndexOf('/') + 1)
    if (FILE_NAMES.test(path)) {
      const cure = 'Name the file for the one thing it exports.'
      findings.push({ file: path, line: 1, problem: `${base} says nothing`, cure })
    }
    if (!/^[a-z0-9]+([-.][a-z0-9]+)*\.ts$/.test(base)) {
      findings.push({
        file: path,
        line: 1,
        problem: `${base} is no kebab-case`,
        cure: 'Rename it.',
      })
    }
  }
  return findings
}

/** The column "do not say" of docs/glossary.md, as far as it shows in identifiers. */
const DO_NOT_SAY: Readonly<Record<string, string>> = {
  topition: 'topicPartition',
  lso: 'lastStableOffset or logStartOffset',
  leo: 'logEndOffset',
  hw: 'highWatermark',
  hwm: 'highWatermark',
  seqno: 'sequence',
  pid: 'producerId',
  master: 'leader',
  slave: 'follower',
  balancer: 'assignor',
}

export function checkGlossary(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    if (!file.isProduction) continue
    eachNode(file.tree, (node) => {
      if (!isDeclaration(node) || !node.name || !ts.isIdentifier(node.name)) return
      for (const word of node.name.text.split(/(?=[A-Z])|_/)) {
        const better = Object.hasOwn(DO_NOT_SAY, word.toLowerCase())
          ? DO_NOT_SAY[word.toLowerCase()]
          : undefined
        if (!better) continue
        const line = file.lineOf(node.name.getStart())
        const problem = `${node.name.text} is not our word`
        findings.push({ file: file.path, line, problem, cure: `Say ${better}.` })
      }
    })
  }
  return findings
}

type Named = ts.Node & { readonly name?: ts.Node }

const isDeclaration = (node: ts.Node): node is Named =>
  ts.isVariableDeclaration(node) ||
  ts.isParameter(node) ||
  ts.isPropertyDeclaration(node) ||
  ts.isPropertySignature(node) ||
  ts.isFunctionDeclaration(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node)

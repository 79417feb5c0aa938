/** Sizes of files, functions and parameter lists (docs/style.md). */
import ts from 'typescript'
import { type Allowance, LONG_FUNCTIONS, MANY_PARAMETERS, TABLES } from './allowed.ts'
import { eachNode, type Finding, type SourceFile } from './source-files.ts'

const FILE_LINES_WARN = 400
const FILE_LINES_MAX = 600
const TEST_LINES_MAX = 1000
const FUNCTION_LINES_MAX = 70
const PARAMETERS_MAX = 4
const COLUMNS_MAX = 100

const isTable = (file: SourceFile): boolean => TABLES.some((table) => table.test(file.path))

export function checkFileSizes(files: readonly SourceFile[]): {
  findings: Finding[]
  warnings: string[]
} {
  const findings: Finding[] = []
  const warnings: string[] = []
  for (const file of files) {
    if (!file.isCode || isTable(file)) continue
    const count = file.lines.length - 1
    const max = file.isTest ? TEST_LINES_MAX : FILE_LINES_MAX
    if (count > max) {
      findings.push({
        file: file.path,
        line: max,
        problem: `${count} lines, of ${max} at most`,
        cure: 'Split it by subject; a class this long usually hides a pure part.',
      })
    } else if (!file.isTest && count > FILE_LINES_WARN) {
      warnings.push(`${file.path}: ${count} lines; files are best below 300`)
    }
    file.lines.forEach((line, index) => {
      if (line.length > COLUMNS_MAX && !hasLongString(line)) {
        findings.push({
          file: file.path,
          line: index + 1,
          problem: `${line.length} columns, of ${COLUMNS_MAX} at most`,
          cure: 'Break the line; npm run fix does it for code.',
        })
      }
    })
  }
  return { findings, warnings }
}

/** Biome breaks code but no string, and a sentence in pieces cannot be searched for. */
const hasLongString = (line: string): boolean => /(['"`]).{30,}\1/.test(line)

type FunctionNode =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration
  | ts.ConstructorDeclaration

const isFunction = (node: ts.Node): node is FunctionNode =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node)

function nameOf(node: FunctionNode): string {
  if (ts.isConstructorDeclaration(node)) return `${node.parent.name?.text ?? 'class'}.constructor`
  if (node.name) return node.name.getText()
  const { parent } = node
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) {
    return parent.name.getText()
  }
  return ts.isCallExpression(parent) ? `callback of ${parent.expression.getText()}` : 'a function'
}

/** Function length and parameters; tests are exempt, whose `describe` holds a whole file. */
export function checkFunctions(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  const used = new Set<Allowance>()
  for (const file of files) {
    if (!file.isCode || file.isTest || isTable(file)) continue
    eachNode(file.tree, (node) => {
      if (!isFunction(node) || !node.body) return
      const name = nameOf(node)
      const line = file.lineOf(node.getStart())
      const length = file.lineOf(node.end) - line + 1
      const isAllowed = (list: readonly Allowance[]) => {
        const entry = list.find((one) => one.file === file.path && one.name === name)
        if (entry) used.add(entry)
        return entry !== undefined
      }
      if (length > FUNCTION_LINES_MAX && !isAllowed(LONG_FUNCTIONS)) {
        findings.push({
          file: file.path,
          line,
          problem: `${name} has ${length} lines, of ${FUNCTION_LINES_MAX} at most`,
          cure: 'Keep the branching here and move straight-line work out.',
        })
      }
      if (node.parameters.length > PARAMETERS_MAX && !isAllowed(MANY_PARAMETERS)) {
        findings.push({
          file: file.path,
          line,
          problem: `${name} takes ${node.parameters.length} parameters, of ${PARAMETERS_MAX} at most`,
          cure: 'Take an options object.',
        })
      }
    })
  }
  for (const entry of [...LONG_FUNCTIONS, ...MANY_PARAMETERS]) {
    if (used.has(entry)) continue
    findings.push({
      file: entry.file,
      line: 1,
      problem: `tools/tidy/allowed.ts lets ${entry.name} pass, which needs it no more`,
      cure: 'Take the entry out.',
    })
  }
  return findings
}

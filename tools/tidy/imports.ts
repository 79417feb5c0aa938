/** Layers, names across packages, code without node: modules, and files that nobody reaches. */
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { eachNode, type Finding, ROOT, type SourceFile } from './source-files.ts'

interface Layers {
  readonly packages: Readonly<Record<string, readonly string[]>>
  readonly noNodeModules: readonly string[]
}

const layers = JSON.parse(readFileSync(join(ROOT, 'layers.json'), 'utf8')) as Layers

interface Import {
  readonly specifier: string
  readonly line: number
}

export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = []
  const add = (literal: ts.Expression | undefined) => {
    if (literal && ts.isStringLiteralLike(literal)) {
      found.push({ specifier: literal.text, line: file.lineOf(literal.getStart()) })
    }
  }
  eachNode(file.tree, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal as ts.Expression)
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0])
    }
  })
  return found
}

export function checkLayers(files: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = []
  for (const file of files) {
    const own = file.packageName
    if (!file.isCode || !own) continue
    for (const { specifier, line } of importsOf(file)) {
      const fault = layerFault(file, own, specifier)
      if (fault) findings.push({ file: file.path, line, ...fault })
    }
  }
  return findings
}

function layerFault(
  file: SourceFile,
  own: string,
  specifier: string,
): Pick<Finding, 'problem' | 'cure'> | undefined {
  const allowed = layers.packages[own]
  if (!allowed) {
    return { problem: `package ${own} has no layer`, cure: 'Name it in layers.json.' }
  }
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(file.path), specifier))
    if (target.startsWith(`packages/${own}/`)) return undefined
    return {
      problem: `${specifier} leaves the package`,
      cure: 'Import other packages by name, @ottla/<package>.',
    }
  }
  const name = /^@ottla\/([^/]+)/.exec(specifier)?.[1]
  const isTestOnly = name === 'testing' && file.isTest
  if (name && name !== own && !allowed.includes(name) && !isTestOnly) {
    return {
      problem: `${own} imports ${name}`,
      cure: `${own} may import ${allowed.join(', ') || 'no other package'} (layers.json).`,
    }
  }
  const isNode = specifier.startsWith('node:') || builtinModules.includes(specifier)
  const isPure = layers.noNodeModules.some(
    (path) => file.path === path || file.path.startsWith(`${path}/`),
  )
  if (isNode && isPure && !file.isTest) {
    return {
      problem: `${specifier} in code that must do no I/O`,
      cure: 'Pass in what it needs, or move the I/O to the shell.',
    }
  }
  return undefined
}

const ENTRY = /(^|\/)(index|main|run)\.ts$|\.(test|fuzz|bench|config|test-d)\.ts$|\.d\.ts$/

/** Files that nobody imports, starts or names. */
export function checkDeadFiles(files: readonly SourceFile[]): Finding[] {
  const code = files.filter((file) => file.isCode)
  const reached = new Set<string>()
  const mentions = files
    .filter((file) => /\.(ts|mjs|json|md)$/.test(file.path) && !file.path.startsWith('tools/tidy/'))
    .map((file) => [file.path, file.text] as const)
  for (const file of code) {
    for (const { specifier } of importsOf(file)) {
      if (specifier.startsWith('.')) {
        reached.add(normalize(join(dirname(file.path), specifier)))
      }
    }
  }
  return code
    .filter((file) => !ENTRY.test(file.path) && !reached.has(file.path))
    .filter((file) => {
      const base = file.path.slice(file.path.lastIndexOf('/') + 1)
      const named = new RegExp(`[/'"]${base.replaceAll('.', '[.]')}`)
      return !mentions.some(([path, text]) => path !== file.path && named.test(text))
    })
    .map((file) => ({
      file: file.path,
      line: 1,
      problem: 'nobody imports or starts this file',
      cure: 'Delete it, or use it.',
    }))
}

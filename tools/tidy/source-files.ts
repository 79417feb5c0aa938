/** Every file that tidy looks at, read once; TypeScript is parsed when a check first asks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What is wrong, where, and how to mend it. */
export interface Finding {
  readonly file: string
  readonly line: number
  readonly problem: string
  readonly cure: string
}

export const describeFinding = ({ file, line, problem, cure }: Finding): string =>
  `${file}:${line}: ${problem}. ${cure}`

export class SourceFile {
  /** Path from the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
  private parsed: ts.SourceFile | undefined

  constructor(path: string, text: string) {
    this.path = path
    this.text = text
  }

  get lines(): string[] {
    return this.text.split('\n')
  }

  get tree(): ts.SourceFile {
    this.parsed ??= ts.createSourceFile(this.path, this.text, ts.ScriptTarget.ES2023, true)
    return this.parsed
  }

  lineOf(position: number): number {
    return this.tree.getLineAndCharacterOfPosition(position).line + 1
  }

  get isCode(): boolean {
    return this.path.endsWith('.ts')
  }

  get isTest(): boolean {
    return /\.(test|fuzz|bench)\.ts$/.test(this.path) || this.path.startsWith('test/')
  }

  /** Code of a package, tests aside. */
  get isProduction(): boolean {
    return this.isCode && this.path.startsWith('packages/') && !this.isTest
  }

  /** Name of the package it belongs to. */
  get packageName(): string | undefined {
    return /^packages\/([^/]+)\/src\//.exec(this.path)?.[1]
  }
}

const SKIPPED = new Set(['node_modules', 'dist', 'bundle', 'testdata', 'results', '.git', '.cache'])
const READ = /\.(ts|mjs|js|json|md|java|yml)$/

/** Files of the repository in a stable order. */
export function readSourceFiles(): SourceFile[] {
  const paths: string[] = []
  const walk = (directory: string) => {
    for (const entry of readdirSync(join(ROOT, directory), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else if (READ.test(entry.name)) paths.push(path)
    }
  }
  walk('')
  return paths.sort().map((path) => new SourceFile(path, readFileSync(join(ROOT, path), 'utf8')))
}

export const fileExists = (path: string): boolean => existsSync(join(ROOT, path))

/** Calls `visit` for every node below `tree`. */
export function eachNode(tree: ts.Node, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node) => {
    visit(node)
    ts.forEachChild(node, step)
  }
  step(tree)
}

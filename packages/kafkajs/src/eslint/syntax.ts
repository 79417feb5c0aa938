/** The few parts of a syntax tree that the rule looks at, of ESTree and of typescript-eslint. */
import type { Rule, SourceCode } from 'eslint'

export interface SyntaxNode {
  readonly type: string
  readonly parent?: SyntaxNode | null
  readonly range: readonly [number, number]
  /** Text of an identifier; the identifier of a function or class is `id`. */
  readonly name?: string
  readonly id?: SyntaxNode | null
  /** A literal's value, or the node of a property or field. */
  readonly value?: unknown
  readonly key?: SyntaxNode
  readonly computed?: boolean
  readonly shorthand?: boolean
  readonly object?: SyntaxNode
  readonly property?: SyntaxNode
  readonly callee?: SyntaxNode
  readonly arguments?: readonly SyntaxNode[]
  readonly argument?: SyntaxNode
  readonly expression?: SyntaxNode
  readonly elements?: readonly (SyntaxNode | null)[]
  readonly properties?: readonly SyntaxNode[]
  readonly params?: readonly SyntaxNode[]
  readonly parameter?: SyntaxNode
  readonly init?: SyntaxNode | null
  readonly left?: SyntaxNode
  readonly right?: SyntaxNode
  readonly source?: SyntaxNode | null
  readonly specifiers?: readonly SyntaxNode[]
  readonly imported?: SyntaxNode
  readonly local?: SyntaxNode
  /** A class has a node with members here, a function its block or expression. */
  readonly body?: SyntaxNode | readonly SyntaxNode[]
  readonly typeAnnotation?: SyntaxNode | null
  readonly typeName?: SyntaxNode
}

/** What wraps an expression without changing what it is. */
const WRAPPERS = new Set([
  'AwaitExpression',
  'ChainExpression',
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
])

export const isWrapper = ({ type }: SyntaxNode): boolean => WRAPPERS.has(type)

/** The expression inside `await`, `!`, `as` and `satisfies`. */
export function unwrapped(node: SyntaxNode): SyntaxNode {
  let inner = node
  while (isWrapper(inner)) inner = (inner.argument ?? inner.expression) as SyntaxNode
  return inner
}

export const isFunction = ({ type }: SyntaxNode): boolean =>
  type === 'ArrowFunctionExpression' ||
  type === 'FunctionExpression' ||
  type === 'FunctionDeclaration'

/** The name of a key, a property or a specifier in the source; undefined for a computed one. */
export function staticName(node: SyntaxNode | undefined, isComputed = false): string | undefined {
  if (!node) return undefined
  if (typeof node.value === 'string') return node.value
  if (isComputed || node.name === undefined) return undefined
  return node.type === 'PrivateIdentifier' ? `#${node.name}` : node.name
}

export const nameOfMember = ({ property, computed }: SyntaxNode): string | undefined =>
  staticName(property, computed)

export const nameOfProperty = ({ key, computed }: SyntaxNode): string | undefined =>
  staticName(key, computed)

/** The variable that an identifier means, if it is declared in this file. */
export interface FileVariable {
  readonly definitions: readonly {
    readonly type: string
    readonly node: SyntaxNode
    readonly name: SyntaxNode
  }[]
  readonly uses: readonly SyntaxNode[]
  /** Right sides of its assignments. */
  readonly written: readonly SyntaxNode[]
}

export function variableOf(sourceCode: SourceCode, node: SyntaxNode): FileVariable | undefined {
  const name = node.name as string
  let scope: ReturnType<SourceCode['getScope']> | null = sourceCode.getScope(node as Rule.Node)
  for (; scope; scope = scope.upper) {
    const found = scope.set.get(name)
    if (!found) continue
    const written = found.references.flatMap(({ writeExpr }) => writeExpr ?? [])
    return {
      definitions: found.defs as unknown as FileVariable['definitions'],
      uses: found.references.map(({ identifier }) => identifier as unknown as SyntaxNode),
      written: written as unknown as SyntaxNode[],
    }
  }
  return undefined
}

/** The rule: reports each use of kafkajs with what takes its place in @ottla/client. */
import type { Rule } from 'eslint'
import { MODULE, PACKAGES } from './flow.ts'
import { Kinds } from './kinds.ts'
import { type Migration, plainText } from './migration.ts'
import { migrationOf } from './migrations.ts'
import { nameOfMember, nameOfProperty, type SyntaxNode, staticName } from './syntax.ts'

/** How a suggestion writes the new name over the place that is reported. */
type Rewrite = (name: string) => string

class Reporter {
  private readonly context: Rule.RuleContext
  private readonly reported = new Set<SyntaxNode>()

  constructor(context: Rule.RuleContext) {
    this.context = context
  }

  report(node: SyntaxNode, found: Migration & { name: string }, rewrite?: Rewrite): void {
    if (this.reported.has(node)) return
    this.reported.add(node)
    const { name, rename, see } = found
    const text = rename && rewrite?.(rename)
    this.context.report({
      node: node as unknown as Rule.Node,
      messageId: 'moves',
      data: { name, to: plainText(found.to), see },
      suggest: text
        ? [
            {
              messageId: 'rename',
              data: { name, rename: rename as string },
              fix: (fixer) => fixer.replaceTextRange([...node.range], text),
            },
          ]
        : [],
    })
  }
}

const found = (owner: string | undefined, name: string | undefined) => {
  const migration = name === undefined ? undefined : migrationOf(owner, name)
  return migration && { ...migration, name: name as string }
}

function visitorOf(kinds: Kinds, reporter: Reporter) {
  /** `consumer.events` says nothing where `consumer.events.CRASH` does. */
  const isStep = (node: SyntaxNode): boolean => {
    const { parent } = node
    if (parent?.type !== 'MemberExpression' || parent.object !== node) return false
    return found(kinds.of(node), nameOfMember(parent)) !== undefined
  }

  return {
    MemberExpression(node: SyntaxNode): void {
      const { object, property, computed } = node
      const entry = object && property && found(kinds.of(object), nameOfMember(node))
      if (!entry || isStep(node)) return
      reporter.report(property, entry, (name) => (computed ? `'${name}'` : name))
    },

    ObjectPattern(node: SyntaxNode): void {
      const owner = kinds.ofBinding(node)
      for (const part of node.properties ?? []) {
        const entry = part.key && found(owner, nameOfProperty(part))
        if (entry) reporter.report(part.key, entry)
      }
    },

    ObjectExpression(node: SyntaxNode): void {
      const owner = kinds.expected(node)
      for (const part of node.properties ?? []) {
        const { key, shorthand, computed } = part
        const entry = key && found(owner, nameOfProperty(part))
        if (!entry || isSame(entry.name, part)) continue
        reporter.report(key, entry, (name) => {
          if (shorthand) return `${name}: ${entry.name}`
          return computed || typeof key.value === 'string' ? `'${name}'` : name
        })
      }
    },

    ImportDeclaration(node: SyntaxNode): void {
      if (!PACKAGES.has(node.source?.value)) return
      for (const specifier of node.specifiers ?? []) {
        const entry = found(MODULE, staticName(specifier.imported))
        if (entry) reporter.report(specifier, entry)
      }
    },

    ExportNamedDeclaration(node: SyntaxNode): void {
      if (!PACKAGES.has(node.source?.value)) return
      for (const specifier of node.specifiers ?? []) {
        const entry = found(MODULE, staticName(specifier.local))
        if (entry) reporter.report(specifier, entry)
      }
    },
  }
}

/** A list of brokers stays one; it is the function that has no counterpart. */
function isSame(name: string, { value }: SyntaxNode): boolean {
  return name === 'brokers' && !/Function/.test((value as SyntaxNode | undefined)?.type ?? '')
}

export const migrateRule: Rule.RuleModule = {
  meta: {
    type: 'suggestion',
    hasSuggestions: true,
    docs: { description: "say what in @ottla/client takes the place of each use of kafkajs's API" },
    messages: {
      moves:
        '{{name}} of kafkajs, in @ottla/client: {{to}}. See "{{see}}" in docs/guide/migrate.md.',
      rename: 'Rename {{name}} to {{rename}}.',
    },
    schema: [],
  },

  create(context) {
    const kinds = new Kinds(context.sourceCode)
    const visitor = visitorOf(kinds, new Reporter(context))
    const waiting: (() => void)[] = []
    const later = Object.entries(visitor).map(([type, visit]) => {
      return [type, (node: SyntaxNode) => waiting.push(() => visit(node))]
    })
    // What a field is may be said behind where it is used, so all is asked at the end.
    return {
      ...(Object.fromEntries(later) as Rule.RuleListener),
      AssignmentExpression: (node) => kinds.addAssignment(node as unknown as SyntaxNode),
      'Program:exit': () => {
        for (const visit of waiting) visit()
      },
    }
  },
}

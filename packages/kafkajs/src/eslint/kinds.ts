/**
 * Which of kafkajs's objects an expression is, as far as one file says it plainly.
 *
 * Two questions, both asked from an expression upwards or sideways and only when they are needed:
 * `of` says what a value is by where it comes from, `expected` what it has to be by where it goes.
 *
 *     import { Kafka } from 'kafkajs'     of(Kafka) is the class
 *     const kafka = new Kafka(config)     of(kafka) is Kafka, expected(config) is KafkaConfig
 *     this.c = kafka.consumer({})         of(this.c) is Consumer, expected({}) is ConsumerConfig
 *     this.c.run({ eachMessage: f })      expected(f) is EachMessagePayload(), a function given one
 *
 * Whatever does not begin at an import of kafkajs has no kind, so methods of the same name from
 * elsewhere are never taken for kafkajs's. What is being asked for is remembered while it is
 * (`const a = b, b = a`), and counts as unknown then.
 */
import type { SourceCode } from 'eslint'
import * as flow from './flow.ts'
import { MIGRATIONS } from './migrations.ts'
import type { FileVariable, SyntaxNode } from './syntax.ts'
import * as syntax from './syntax.ts'

type Kind = string | undefined

export class Kinds {
  private readonly sourceCode: SourceCode
  private readonly known = new Map<SyntaxNode, Kind>()
  private readonly awaited = new Map<SyntaxNode, Kind>()
  /** Of fields, by the body of their class. */
  private readonly assignments = new Map<SyntaxNode, SyntaxNode[]>()

  constructor(sourceCode: SourceCode) {
    this.sourceCode = sourceCode
  }

  /** What a value is. */
  of(node: SyntaxNode): Kind {
    return once(this.known, node, () => this.find(syntax.unwrapped(node)))
  }

  private find(node: SyntaxNode): Kind {
    switch (node.type) {
      case 'Identifier':
        return this.ofVariable(syntax.variableOf(this.sourceCode, node))
      case 'MemberExpression':
        return this.ofMember(node)
      case 'NewExpression': {
        const isKafka = node.callee && this.of(node.callee) === flow.KAFKA_CLASS
        return isKafka ? 'Kafka' : undefined
      }
      case 'ImportExpression':
        return flow.PACKAGES.has(node.source?.value) ? flow.MODULE : undefined
      case 'CallExpression':
        return this.ofCall(node)
      default:
        return undefined
    }
  }

  private ofCall({ callee, arguments: given }: SyntaxNode): Kind {
    if (!callee) return undefined
    if (callee.type === 'Identifier') {
      const isRequire = callee.name === 'require' && flow.PACKAGES.has(given?.[0]?.value)
      return isRequire ? flow.MODULE : undefined
    }
    const method = syntax.unwrapped(callee)
    if (!method.object) return undefined
    const owner = this.of(method.object)
    const name = syntax.nameOfMember(method)
    const element = flow.elementOf(owner)
    if (element && name && flow.GIVE_LIST.has(name)) return owner
    if (element && name && flow.GIVE_ELEMENT.has(name)) return element
    return flow.lookUp(flow.RESULTS, owner, name)
  }

  private ofMember(node: SyntaxNode): Kind {
    const { object, computed } = node
    if (!object) return undefined
    const name = syntax.nameOfMember(node)
    if (object.type === 'ThisExpression') return name ? this.ofField(node, name) : undefined
    const owner = this.of(object)
    return (computed && flow.elementOf(owner)) || flow.lookUp(flow.MEMBERS, owner, name)
  }

  /** A field of the class around: by its type or value, by the constructor, or by an assignment. */
  private ofField(node: SyntaxNode, name: string): Kind {
    let around = node.parent
    while (around && around.type !== 'ClassBody') around = around.parent
    for (const member of (around?.body ?? []) as readonly SyntaxNode[]) {
      const value = member.value as SyntaxNode | null | undefined
      if (member.type === 'PropertyDefinition' && syntax.nameOfProperty(member) === name) {
        const kind = this.ofAnnotated(member) ?? (value ? this.of(value) : undefined)
        if (kind) return kind
      }
      for (const { parameter } of value?.params ?? []) {
        if (parameter?.name === name) return this.ofAnnotated(parameter)
      }
    }
    for (const { left, right } of around ? this.assignmentsIn(around) : []) {
      if (left && right && syntax.nameOfMember(left) === name) {
        const kind = this.of(right)
        if (kind) return kind
      }
    }
    return undefined
  }

  /** Told of each `this.field = value` before anything is asked. */
  addAssignment(node: SyntaxNode): void {
    if (node.left?.object?.type !== 'ThisExpression') return
    let around = node.parent
    while (around && around.type !== 'ClassBody') around = around.parent
    if (around) this.assignments.set(around, [...this.assignmentsIn(around), node])
  }

  private assignmentsIn(around: SyntaxNode): readonly SyntaxNode[] {
    return this.assignments.get(around) ?? []
  }

  private ofVariable(variable: FileVariable | undefined): Kind {
    for (const { type, node, name } of variable?.definitions ?? []) {
      const kind = type === 'ImportBinding' ? ofImport(node) : this.ofBinding(name)
      if (kind) return kind
    }
    for (const value of variable?.written ?? []) {
      // A pattern's parts are written with the value of the whole, which says nothing of them.
      const isWhole = value.parent?.left?.type === 'Identifier'
      const kind = isWhole ? this.of(value) : undefined
      if (kind) return kind
    }
    return undefined
  }

  /** What a name or a pattern is bound to: a declaration, a parameter, or a part of a pattern. */
  ofBinding(node: SyntaxNode): Kind {
    const annotated = this.ofAnnotated(node)
    if (annotated) return annotated
    const { parent } = node
    if (parent?.type === 'VariableDeclarator' && parent.id === node)
      return this.ofDeclarator(parent)
    if (parent?.type === 'AssignmentPattern') return this.ofBinding(parent)
    if (parent?.type === 'TSParameterProperty') return this.ofBinding(parent)
    if (parent?.type === 'Property' && parent.parent?.type === 'ObjectPattern') {
      const owner = this.ofBinding(parent.parent)
      return flow.lookUp(flow.MEMBERS, owner, syntax.nameOfProperty(parent))
    }
    if (parent?.type === 'ArrayPattern') return flow.elementOf(this.ofBinding(parent))
    if (parent && syntax.isFunction(parent) && parent.params?.[0] === node) {
      return this.givenTo(parent)
    }
    return undefined
  }

  private ofDeclarator({ init, parent: declaration }: SyntaxNode): Kind {
    if (init) return this.of(init)
    const loop = declaration?.parent
    const isLoop = loop?.type === 'ForOfStatement' && loop.left === declaration
    return isLoop && loop.right ? flow.elementOf(this.of(loop.right)) : undefined
  }

  /** What a function is called with. */
  private givenTo(node: SyntaxNode): Kind {
    const given = flow.argumentOf(this.expected(node))
    const { parent } = node
    if (given || parent?.type !== 'CallExpression' || parent.arguments?.[0] !== node) return given
    const callee = parent.callee && syntax.unwrapped(parent.callee)
    const method = callee && syntax.nameOfMember(callee)
    if (!callee?.object || !method || !flow.WITH_ELEMENT.has(method)) return undefined
    return flow.elementOf(this.of(callee.object))
  }

  /** The kind that a type annotation names, when the name comes from kafkajs. */
  private ofAnnotated({ typeAnnotation }: SyntaxNode): Kind {
    const named = typeAnnotation?.typeAnnotation ?? typeAnnotation
    const { typeName } = named ?? {}
    if (typeName?.type !== 'Identifier') return undefined
    const variable = syntax.variableOf(this.sourceCode, typeName)
    const imported = variable?.definitions.find(({ type }) => type === 'ImportBinding')?.node
    if (!imported?.imported || !isOfPackage(imported)) return undefined
    const name = syntax.staticName(imported.imported) as string
    if (Object.hasOwn(flow.TYPE_NAMES, name)) return flow.TYPE_NAMES[name]
    return Object.hasOwn(MIGRATIONS, name) ? name : undefined
  }

  /** What a value has to be. */
  expected(node: SyntaxNode): Kind {
    return once(this.awaited, node, () => this.expect(node))
  }

  private expect(node: SyntaxNode): Kind {
    if (node.type === 'FunctionDeclaration') return this.expectedOf(node.id)
    const { parent } = node
    switch (parent?.type) {
      case 'CallExpression':
      case 'NewExpression':
        return parent.arguments?.[0] === node ? this.ofArgument(parent) : undefined
      case 'Property': {
        if (parent.value !== node || parent.parent?.type !== 'ObjectExpression') return undefined
        return flow.lookUp(flow.VALUES, this.expected(parent.parent), syntax.nameOfProperty(parent))
      }
      case 'ArrayExpression':
        return flow.elementOf(this.expected(parent))
      case 'ConditionalExpression':
      case 'LogicalExpression':
        return this.expected(parent)
      case 'ArrowFunctionExpression':
        return parent.body === node ? this.expectedOfResult(parent) : undefined
      case 'VariableDeclarator':
        return parent.id ? (this.ofAnnotated(parent.id) ?? this.expectedOf(parent.id)) : undefined
      default:
        if (!parent || !syntax.isWrapper(parent)) return undefined
        return this.ofAnnotated(parent) ?? this.expected(parent)
    }
  }

  private ofArgument(call: SyntaxNode): Kind {
    const callee = call.callee && syntax.unwrapped(call.callee)
    if (!callee) return undefined
    if (call.type === 'NewExpression') {
      return this.of(callee) === flow.KAFKA_CLASS ? 'KafkaConfig' : undefined
    }
    const owner = callee.object && this.of(callee.object)
    return flow.lookUp(flow.ARGUMENTS, owner, syntax.nameOfMember(callee))
  }

  /** `messages: texts.map((value) => ({ value }))` */
  private expectedOfResult(arrow: SyntaxNode): Kind {
    const call = arrow.parent
    const isMap = call?.callee && syntax.nameOfMember(call.callee) === 'map'
    return isMap ? flow.elementOf(this.expected(call)) : undefined
  }

  /** What something with a name is used for. */
  private expectedOf(name: SyntaxNode | null | undefined): Kind {
    if (name?.type !== 'Identifier') return undefined
    for (const use of syntax.variableOf(this.sourceCode, name)?.uses ?? []) {
      const kind = use === name ? undefined : this.expected(use)
      if (kind) return kind
    }
    return undefined
  }
}

/** `answer()` the first time; unknown while it is being found. */
function once(answers: Map<SyntaxNode, Kind>, node: SyntaxNode, answer: () => Kind): Kind {
  if (answers.has(node)) return answers.get(node)
  answers.set(node, undefined)
  const kind = answer()
  answers.set(node, kind)
  return kind
}

const isOfPackage = ({ parent }: SyntaxNode): boolean => flow.PACKAGES.has(parent?.source?.value)

function ofImport(specifier: SyntaxNode): Kind {
  // `import kafka = require('kafkajs')`
  const reference = specifier as { moduleReference?: SyntaxNode }
  if (reference.moduleReference) {
    return flow.PACKAGES.has(reference.moduleReference.expression?.value) ? flow.MODULE : undefined
  }
  if (!isOfPackage(specifier)) return undefined
  if (!specifier.imported) return flow.MODULE
  return flow.lookUp(flow.MEMBERS, flow.MODULE, syntax.staticName(specifier.imported))
}

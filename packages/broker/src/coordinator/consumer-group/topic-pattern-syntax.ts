/**
 * Reads regular expressions as RE2 writes them: no backreferences and no looking around, so that
 * each can be matched in time linear in the text. Only ASCII needs to be told apart, topic names
 * hold nothing else; other characters are accepted and match nothing.
 */

/** For each ASCII character whether it belongs to the set. */
export type CharacterSet = readonly boolean[]

export type Assertion = 'start' | 'end' | 'word' | 'not-word'

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly PatternNode[] }
  | {
      readonly kind: 'repeat'
      readonly node: PatternNode
      readonly least: number
      readonly most: number
    }

export class PatternError extends Error {
  override readonly name = 'PatternError'
}

const ASCII = 128
const REPEAT_MAX = 1000
const DEPTH_MAX = 200

const setOf = (test: (character: string) => boolean): CharacterSet =>
  Array.from({ length: ASCII }, (_, code) => test(String.fromCharCode(code)))
const not = (set: CharacterSet): CharacterSet => set.map((isIn) => !isIn)
const byExpression = (expression: RegExp) => setOf((character) => expression.test(character))

const PERL: Readonly<Record<string, CharacterSet>> = {
  d: byExpression(/[0-9]/),
  w: byExpression(/[0-9A-Za-z_]/),
  s: byExpression(/[\t\n\f\r ]/),
}

const POSIX: Readonly<Record<string, CharacterSet>> = {
  alnum: byExpression(/[0-9A-Za-z]/),
  alpha: byExpression(/[A-Za-z]/),
  ascii: setOf(() => true),
  blank: byExpression(/[\t ]/),
  cntrl: setOf((character) => character < ' ' || character === '\x7f'),
  digit: byExpression(/[0-9]/),
  graph: byExpression(/[!-~]/),
  lower: byExpression(/[a-z]/),
  print: byExpression(/[ -~]/),
  punct: byExpression(/[!-/:-@[-`{-~]/),
  space: byExpression(/[\t\n\v\f\r ]/),
  upper: byExpression(/[A-Z]/),
  word: byExpression(/[0-9A-Za-z_]/),
  xdigit: byExpression(/[0-9A-Fa-f]/),
}

const CONTROL: Readonly<Record<string, string>> = {
  a: '\x07',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

interface Flags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
}

export function parsePattern(pattern: string): PatternNode {
  return new PatternParser(pattern).parse()
}

class PatternParser {
  private readonly characters: readonly string[]
  private at = 0
  private depth = 0
  private flags: Flags = { ignoreCase: false, dotAll: false }
  /** Flags of the group that is about to be read. */
  private inner: Flags | undefined

  constructor(pattern: string) {
    this.characters = [...pattern]
  }

  parse(): PatternNode {
    const node = this.choice()
    if (this.at < this.characters.length) throw new PatternError('a ) closes nothing')
    return node
  }

  private peek(text: string): boolean {
    return this.characters.slice(this.at, this.at + text.length).join('') === text
  }

  private accept(text: string): boolean {
    if (!this.peek(text)) return false
    this.at += text.length
    return true
  }

  private next(): string {
    const character = this.characters[this.at++]
    if (character === undefined) throw new PatternError('it ends too early')
    return character
  }

  private choice(): PatternNode {
    if (++this.depth > DEPTH_MAX) throw new PatternError('groups are nested too deeply')
    const before = this.flags
    const parts = [this.sequence()]
    while (this.accept('|')) parts.push(this.sequence())
    this.flags = before
    this.depth--
    return parts.length === 1 ? (parts[0] as PatternNode) : { kind: 'choice', parts }
  }

  private sequence(): PatternNode {
    const parts: PatternNode[] = []
    while (this.at < this.characters.length && !this.peek('|') && !this.peek(')')) {
      if (this.accept('\\Q')) parts.push(...this.quoted())
      else parts.push(this.repeated(this.atom()))
    }
    return { kind: 'sequence', parts }
  }

  private quoted(): PatternNode[] {
    const parts: PatternNode[] = []
    while (this.at < this.characters.length && !this.accept('\\E')) {
      parts.push(this.literal(this.next()))
    }
    const last = parts.pop()
    return last ? [...parts, this.repeated(last)] : []
  }

  private repeated(node: PatternNode): PatternNode {
    const bounds = this.bounds()
    if (!bounds) return node
    const [least, most] = bounds
    this.accept('?')
    if (this.bounds()) throw new PatternError('a repetition is repeated')
    return { kind: 'repeat', node, least, most }
  }

  /** Bounds of a repetition that stands here, or undefined when none does. */
  private bounds(): readonly [number, number] | undefined {
    if (this.accept('*')) return [0, Number.POSITIVE_INFINITY]
    if (this.accept('+')) return [1, Number.POSITIVE_INFINITY]
    if (this.accept('?')) return [0, 1]
    const rest = this.characters.slice(this.at, this.at + 16).join('')
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(rest)
    if (!counted) return undefined
    const [text, first, hasMost, second] = counted
    this.at += text.length
    const least = Number(first)
    const most = hasMost === undefined ? least : second ? Number(second) : Number.POSITIVE_INFINITY
    const isTooMuch = least > REPEAT_MAX || (most > REPEAT_MAX && Number.isFinite(most))
    if (isTooMuch || most < least) throw new PatternError(`${text} is no valid repetition`)
    return [least, most]
  }

  private atom(): PatternNode {
    if (this.bounds()) throw new PatternError('a repetition repeats nothing')
    const character = this.next()
    switch (character) {
      case '.':
        return { kind: 'set', set: setOf((c) => this.flags.dotAll || c !== '\n') }
      case '^':
        return { kind: 'assert', assertion: 'start' }
      case '$':
        return { kind: 'assert', assertion: 'end' }
      case '(':
        return this.group()
      case '[':
        return { kind: 'set', set: this.bracket() }
      case '\\':
        return this.escape()
      default:
        return this.literal(character)
    }
  }

  private literal(character: string): PatternNode {
    return { kind: 'set', set: this.folded(setOf((c) => c === character)) }
  }

  private folded(set: CharacterSet): CharacterSet {
    if (!this.flags.ignoreCase) return set
    const has = (character: string) => set[character.charCodeAt(0)] === true
    return setOf((c) => has(c) || has(c.toLowerCase()) || has(c.toUpperCase()))
  }

  private group(): PatternNode {
    if (this.accept('?')) {
      if (!this.accept(':') && !this.groupName() && !this.groupFlags()) return { kind: 'empty' }
    }
    const before = this.flags
    this.flags = this.inner ?? before
    this.inner = undefined
    const node = this.choice()
    if (!this.accept(')')) throw new PatternError('a ( is not closed')
    this.flags = before
    return node
  }

  private groupName(): boolean {
    const rest = this.characters.slice(this.at).join('')
    const name = /^P?<(\w+)>/.exec(rest)
    if (!name) return false
    this.at += name[0].length
    return true
  }

  /** `(?i)` holds for what follows, false; `(?i:x)` for x alone, true. */
  private groupFlags(): boolean {
    const rest = this.characters.slice(this.at).join('')
    const written = /^([imsU]*)(-([imsU]+))?([:)])/.exec(rest)
    if (!written) {
      throw new PatternError('this kind of group is not supported')
    }
    const [text, on = '', , off = '', end] = written
    this.at += text.length
    const flag = (name: string, value: boolean) =>
      off.includes(name) ? false : value || on.includes(name)
    const flags = {
      ignoreCase: flag('i', this.flags.ignoreCase),
      dotAll: flag('s', this.flags.dotAll),
    }
    if (end === ')') {
      this.flags = flags
      return false
    }
    this.inner = flags
    return true
  }

  private escape(): PatternNode {
    const character = this.next()
    if (character === 'A') return { kind: 'assert', assertion: 'start' }
    if (character === 'z') return { kind: 'assert', assertion: 'end' }
    if (character === 'b') return { kind: 'assert', assertion: 'word' }
    if (character === 'B') return { kind: 'assert', assertion: 'not-word' }
    if (character === 'Q') throw new PatternError('\\Q cannot be repeated')
    const set = this.classEscape(character)
    if (set) return { kind: 'set', set }
    return this.literal(this.characterEscape(character))
  }

  private classEscape(character: string): CharacterSet | undefined {
    const perl = PERL[character.toLowerCase()]
    if (perl) return character === character.toLowerCase() ? perl : not(perl)
    if (character !== 'p' && character !== 'P') return undefined
    const rest = this.characters.slice(this.at).join('')
    const named = /^(?:\{(\^?)(\w+)\}|(\w))/.exec(rest)
    if (!named) throw new PatternError('a character class has no name')
    this.at += named[0].length
    const isNegated = (character === 'P') !== (named[1] === '^')
    const set = unicodeClass((named[2] ?? named[3]) as string)
    return isNegated ? not(set) : set
  }

  private characterEscape(character: string): string {
    const control = CONTROL[character]
    if (control !== undefined) return control
    const rest = this.characters.slice(this.at, this.at + 12).join('')
    if (character === 'x') {
      const hex = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest)
      if (!hex) throw new PatternError('\\x wants two digits')
      this.at += hex[0].length
      return codePoint(Number.parseInt((hex[1] ?? hex[2]) as string, 16))
    }
    const octal = character === '0' ? /^[0-7]{0,2}/.exec(rest) : /^[0-7]{1,2}/.exec(rest)
    if (/[0-7]/.test(character) && octal) {
      this.at += octal[0].length
      return codePoint(Number.parseInt(character + octal[0], 8))
    }
    if (character < '\x80' && /[^0-9A-Za-z]/.test(character)) return character
    throw new PatternError(`\\${character} has no meaning`)
  }

  /** Behind the [ of a set. */
  private bracket(): CharacterSet {
    const isNegated = this.accept('^')
    const set = new Array<boolean>(ASCII).fill(false)
    let isFirst = true
    while (isFirst || !this.peek(']')) {
      isFirst = false
      const whole = this.posixClass() ?? this.bracketClass()
      if (whole) {
        whole.forEach((isIn, code) => {
          if (isIn) set[code] = true
        })
        continue
      }
      const first = this.bracketCharacter()
      let last = first
      if (this.peek('-') && this.characters[this.at + 1] !== ']') {
        this.at++
        last = this.bracketCharacter()
      }
      if (last < first) throw new PatternError(`${first}-${last} is no range`)
      const [from, to] = [first.codePointAt(0) as number, last.codePointAt(0) as number]
      for (let code = from; code <= Math.min(to, ASCII - 1); code++) set[code] = true
    }
    this.at++
    const folded = this.folded(set)
    return isNegated ? not(folded) : folded
  }

  private posixClass(): CharacterSet | undefined {
    const rest = this.characters.slice(this.at, this.at + 12).join('')
    const named = /^\[:(\^?)(\w+):\]/.exec(rest)
    if (!named) return undefined
    const set = POSIX[named[2] as string]
    if (!set) throw new PatternError(`${named[0]} is no character class`)
    this.at += named[0].length
    return named[1] === '^' ? not(set) : set
  }

  private bracketClass(): CharacterSet | undefined {
    if (!this.peek('\\')) return undefined
    const start = this.at++
    const set = this.classEscape(this.next())
    if (!set) this.at = start
    return set
  }

  private bracketCharacter(): string {
    if (this.at >= this.characters.length) throw new PatternError('a [ is not closed')
    const character = this.next()
    return character === '\\' ? this.characterEscape(this.next()) : character
  }
}

function codePoint(code: number): string {
  if (code > 0x10ffff) throw new PatternError('a character is out of range')
  return String.fromCodePoint(code)
}

function unicodeClass(name: string): CharacterSet {
  for (const property of [name, `Script=${name}`]) {
    try {
      return byExpression(new RegExp(`\\p{${property}}`, 'u'))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  throw new PatternError(`${name} is no character class`)
}

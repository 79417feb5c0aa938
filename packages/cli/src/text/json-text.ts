/**
 * JSON as text. A value that went through `JSON.parse` has lost the digits of large integers and
 * the spelling of numbers, so what is shown or passed on is always cut from the original text.
 */

/** True for one complete JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    // The answer is the point; why it is no JSON is of no interest here.
    return false
  }
}

/** True for text that is exactly one object or array, without white space around it. */
export function isJsonStructure(text: string): boolean {
  const first = text[0]
  const last = text[text.length - 1]
  if (!(first === '{' && last === '}') && !(first === '[' && last === ']')) return false
  return isJson(text)
}

/** Strings, numbers and words, and the structure characters, of text that is known to be JSON. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g

export type JsonTokenKind = 'key' | 'string' | 'other' | 'mark'
export type StyleToken = (kind: JsonTokenKind, text: string) => string

/** Indents JSON by two spaces without touching a single value. */
export function prettyJson(text: string, style: StyleToken = (_, token) => token): string {
  const tokens = text.match(TOKEN) ?? []
  let out = ''
  let depth = 0
  const newLine = () => `\n${'  '.repeat(depth)}`
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as string
    const next = tokens[i + 1]
    if (token === '{' || token === '[') {
      out += style('mark', token)
      if (next === '}' || next === ']') {
        out += style('mark', next)
        i++
        continue
      }
      depth++
      out += newLine()
    } else if (token === '}' || token === ']') {
      depth--
      out += newLine() + style('mark', token)
    } else if (token === ',') out += style('mark', ',') + newLine()
    else if (token === ':') out += `${style('mark', ':')} `
    else out += style(kindOf(token, next), token)
  }
  return out
}

function kindOf(token: string, next: string | undefined): JsonTokenKind {
  if (!token.startsWith('"')) return 'other'
  return next === ':' ? 'key' : 'string'
}

/** Members of a JSON object with the text of each value as it stands; of text known to be one. */
export function jsonMembers(text: string): Map<string, string> {
  const members = new Map<string, string>()
  let depth = 0
  let name: string | undefined
  let valueStart = 0
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (depth === 1 && name === undefined && token.startsWith('"')) {
      name = JSON.parse(token) as string
    } else if (depth === 1 && token === ':' && valueStart === 0) valueStart = index + 1
    const isEnd = depth === 1 && (token === ',' || token === '}')
    if (isEnd && name !== undefined) {
      members.set(name, text.slice(valueStart, index).trim())
      name = undefined
      valueStart = 0
    }
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
  }
  return members
}

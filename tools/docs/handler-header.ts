/** What a handler file says about itself: tidy holds it to that, the reference page prints it. */

export interface DefinedHandler {
  readonly name: string
  readonly lowest: number
  readonly highest: number
}

/** The handlers a file defines, found by `handler(apis.name, { lowest: a, highest: b`. */
export function definedHandlers(text: string): DefinedHandler[] {
  const pattern = /apis\.(\w+),\s*\{\s*lowest: (\d+),\s*highest: (\d+)/g
  return [...text.matchAll(pattern)].map(([, api = '', lowest, highest]) => ({
    name: api.charAt(0).toUpperCase() + api.slice(1),
    lowest: Number(lowest),
    highest: Number(highest),
  }))
}

export interface HandlerHeader {
  readonly text: string
  readonly behaviour: string | undefined
  readonly versionNotes: string | undefined
  readonly differences: string | undefined
}

const SECTION = /^(Behaviour|Version notes|Differences|HOT): /

/** The comment at the top of a file; undefined when there is none. */
export function handlerHeader(text: string): HandlerHeader | undefined {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1]
  if (!comment) return undefined
  const sections = new Map<string, string>()
  let current = ''
  for (const line of comment.split('\n')) {
    const bare = line.replace(/^\s*\* ?/, '').trim()
    const name = SECTION.exec(bare)?.[1]
    if (name) current = name
    else if (bare === '') current = ''
    if (current === '' || bare === '') continue
    const words = name ? bare.slice(name.length + 2) : bare
    sections.set(current, `${sections.get(current) ?? ''} ${words}`.trim())
  }
  return {
    text: comment.replace(/\n\s*\* ?/g, ' '),
    behaviour: sections.get('Behaviour'),
    versionNotes: sections.get('Version notes'),
    differences: sections.get('Differences'),
  }
}

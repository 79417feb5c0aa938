/** The blocks of code of a page of the guide, and running them as they stand there. */
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { transformSync } from 'esbuild'

export interface Block {
  /** Its section, and the how many-eth of it. */
  readonly title: string
  readonly section: string
  readonly code: string
}

export function blocksOf(page: string): Block[] {
  const text = readFileSync(new URL(`../../../docs/guide/${page}`, import.meta.url), 'utf8')
  return text.split('\n## ').flatMap((part) => {
    const section = part.split('\n')[0] ?? ''
    const codes = [...part.matchAll(/```ts\n([\s\S]*?)```/g)]
    return codes.map(([, code = ''], index) => ({
      title: `${section}, ${index + 1}`,
      section,
      code,
    }))
  })
}

/** What a block prints, as its comments say. */
export const expectedOf = (code: string): string[] =>
  [...code.matchAll(/\/\/ => (.*)$/gm)].flatMap(([, said = '']) =>
    // One line that prints several times separates what it prints by a comma and a space.
    said.split(', '),
  )

/**
 * Runs a block: `modules` are what it may import, `given` what it finds declared, and `onPrint` is
 * told of each line it prints. Resolves with all of them.
 */
export async function runBlock(
  code: string,
  modules: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  onPrint: () => void = () => undefined,
): Promise<string[]> {
  const imports = code.replaceAll(
    /^import \{([^}]+)\} from '([^']+)'$/gm,
    (_, names: string, from: string) => {
      const values = names.split(',').filter((name) => !/^\s*type\s/.test(name))
      return `const {${values.join()}} = modules['${from}']`
    },
  )
  const { code: script } = transformSync(`async function block() {\n${imports}\n}`, {
    loader: 'ts',
    target: 'node20',
  })
  const printed: string[] = []
  const log = (...values: unknown[]) => {
    const shown = values.map((value) => (typeof value === 'string' ? value : inspect(value)))
    printed.push(shown.join(' '))
    onPrint()
  }
  const all = { modules, console: { log }, ...given }
  const make = new Function(...Object.keys(all), `${script}\nreturn block()`)
  await make(...Object.values(all))
  return printed
}

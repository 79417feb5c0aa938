/** `npm run docs`: writes docs/reference from the tables. tools/tidy.test.ts holds them in step. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { referencePages } from './docs/reference-pages.ts'

const REFERENCE = new URL('../docs/reference/', import.meta.url)

mkdirSync(REFERENCE, { recursive: true })
for (const [name, text] of Object.entries(await referencePages())) {
  writeFileSync(new URL(name, REFERENCE), text)
  process.stdout.write(`docs/reference/${name}\n`)
}

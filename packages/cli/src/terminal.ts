/** Where a command reads and writes, and what the other end can show. */
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { codeOf } from '@ottla/base'

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export interface TerminalParts {
  readonly stdin: Readable
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly env: Readonly<Record<string, string | undefined>>
}

export class Terminal {
  readonly stdin: Readable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Stdout is read by a person. */
  readonly isInteractive: boolean
  /** Stderr is read by a person: progress may be redrawn. */
  readonly isProgressVisible: boolean
  readonly hasColour: boolean
  private readonly parts: TerminalParts
  private progress = ''

  constructor(parts: TerminalParts) {
    this.parts = parts
    this.stdin = parts.stdin
    this.env = parts.env
    this.isInteractive = parts.stdout.isTTY === true
    this.isProgressVisible = parts.stderr.isTTY === true && parts.env['TERM'] !== 'dumb'
    // https://no-color.org: any value but the empty one.
    const isRefused = (parts.env['NO_COLOR'] ?? '') !== '' || parts.env['TERM'] === 'dumb'
    const isForced = !['', '0', undefined].includes(parts.env['FORCE_COLOR'])
    this.hasColour = !isRefused && (this.isInteractive || isForced)
  }

  get columns(): number {
    return this.parts.stdout.columns ?? 100
  }

  style(style: Style, text: string): string {
    if (!this.hasColour || text === '') return text
    const [on, off] = CODES[style]
    return `\u001b[${on}m${text}\u001b[${off}m`
  }

  /** Writes to stdout; resolves when more is welcome, so that a slow reader slows the command. */
  async write(data: string | Uint8Array): Promise<void> {
    const { stdout } = this.parts
    if (!stdout.write(data)) await once(stdout, 'drain')
  }

  line(text = ''): Promise<void> {
    return this.write(`${text}\n`)
  }

  /** One line on stderr: notes, warnings. */
  note(text: string): void {
    this.clearProgress()
    this.parts.stderr.write(`${text}\n`)
  }

  /** Redraws one line on stderr in place; nothing when nobody watches. */
  showProgress(text: string): void {
    if (!this.isProgressVisible) return
    const width = this.parts.stderr.columns ?? 100
    const line = text.slice(0, width - 1)
    this.parts.stderr.write(`\r${line.padEnd(this.progress.length)}`)
    this.progress = line
  }

  clearProgress(): void {
    if (this.progress === '') return
    this.parts.stderr.write(`\r${' '.repeat(this.progress.length)}\r`)
    this.progress = ''
  }
}

let shared: Terminal | undefined

/** The terminal this process runs in. */
export function terminal(): Terminal {
  if (shared) return shared
  const { stdin, stdout, stderr, env } = process
  // `ottla consume … | head` closes our stdout: that is the end of the work, not an error.
  stdout.on('error', (error) => {
    if (codeOf(error) === 'EPIPE') process.exit(0)
    throw error
  })
  shared = new Terminal({ stdin, stdout, stderr, env })
  return shared
}

/** Aborts on Ctrl-C and SIGTERM; a second one does not wait. */
export function interruption(): AbortSignal {
  const abort = new AbortController()
  const stop = () => {
    if (abort.signal.aborted) process.exit(130)
    abort.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return abort.signal
}

/** Runs another program to its end and keeps what it printed; a failure carries all of it. */
import { spawn } from 'node:child_process'

export interface ProgramOptions {
  /** Bytes for standard input, which is closed behind them. */
  readonly input?: string | Buffer
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface ProgramResult {
  readonly stdout: Buffer
  readonly stderr: string
  readonly code: number
}

const PROGRAM_TIMEOUT_MS = 120_000

export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const timeoutMs = options.timeoutMs ?? PROGRAM_TIMEOUT_MS
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: 'pipe',
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
    })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const expired = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.once('error', (error) => {
      clearTimeout(expired)
      reject(error)
    })
    child.once('close', (code, signal) => {
      clearTimeout(expired)
      if (code !== null) resolve({ stdout: Buffer.concat(stdout), stderr, code })
      else reject(new Error(`${command} ended by ${signal} (limit ${timeoutMs} ms):\n${stderr}`))
    })
    // A program that ends without reading its input closes the pipe; its exit code tells why.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
  })
}

/** Runs a program that must succeed and gives its standard output as text. */
export async function outputOf(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const { stdout, stderr, code } = await runProgram(command, args, options)
  if (code === 0) return stdout.toString()
  throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`)
}

/**
 * A folder in which `kafkajs` is the package of this repository, as npm puts an alias, beside
 * frameworks that ask for kafkajs: programs there are run as their users run them.
 *
 *   .cache/kafkajs-drop-in/node_modules/kafkajs/     what would be published
 *   .cache/kafkajs-drop-in/node_modules/@ottla/      the packages it stands on
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../support/apache-jars.ts'
import { outputOf } from '../support/run-program.ts'

const FOLDER = join(REPOSITORY_ROOT, '.cache', 'kafkajs-drop-in')
const PROGRAMS = join(import.meta.dirname, 'programs')
const INSTALL_MS = 10 * 60_000

const DEPENDENCIES = {
  '@nestjs/common': '11.1.6',
  '@nestjs/core': '11.1.6',
  '@nestjs/microservices': '11.1.6',
  '@opentelemetry/api': '1.9.0',
  '@opentelemetry/instrumentation': '0.203.0',
  '@opentelemetry/instrumentation-kafkajs': '0.12.0',
  '@opentelemetry/sdk-trace-base': '2.0.1',
  '@opentelemetry/sdk-trace-node': '2.0.1',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
}

/** The folder, with its packages as they are built now. */
export async function prepareDropIn(): Promise<string> {
  const manifest = JSON.stringify({ private: true, dependencies: DEPENDENCIES })
  const done = join(FOLDER, 'installed')
  if (!existsSync(done) || readFileSync(done, 'utf8') !== manifest) {
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(join(FOLDER, 'package.json'), manifest)
    // Nest asks for a peer of every transport there is.
    const args = ['install', '--no-package-lock', '--legacy-peer-deps', '--loglevel=error']
    await outputOf('npm', args, { cwd: FOLDER, timeoutMs: INSTALL_MS })
    writeFileSync(done, manifest)
  }
  for (const name of ['base', 'protocol', 'network', 'client', 'kafkajs']) {
    const source = join(REPOSITORY_ROOT, 'packages', name)
    const as = name === 'kafkajs' ? 'kafkajs' : join('@ottla', name)
    const target = join(FOLDER, 'node_modules', as)
    rmSync(target, { recursive: true, force: true })
    mkdirSync(target, { recursive: true })
    cpSync(join(source, 'package.json'), join(target, 'package.json'))
    cpSync(join(source, 'dist', 'cjs'), join(target, 'dist', 'cjs'), { recursive: true })
  }
  return FOLDER
}

/** Runs a program of `programs/` in the folder; resolves with what it said, as JSON. */
export async function runProgramThere(name: string, args: readonly string[]): Promise<unknown> {
  const folder = await prepareDropIn()
  cpSync(join(PROGRAMS, name), join(folder, name))
  const output = await outputOf(process.execPath, [join(folder, name), ...args], {
    ...{ cwd: folder, timeoutMs: 90_000 },
    env: { KAFKAJS_NO_PARTITIONER_WARNING: '1' },
  })
  return JSON.parse(output.trim().split('\n').at(-1) ?? '')
}

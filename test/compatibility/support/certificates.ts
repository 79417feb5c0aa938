/** Certificates that openssl makes for the occasion: an authority, and whom it vouches for. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const DAYS = '2'
const NEW_KEY = ['-newkey', 'rsa:2048', '-nodes']

export interface Certificate {
  /** PEM texts. */
  readonly key: string
  readonly cert: string
  /** A file with both, as Kafka wants a key store of type PEM. */
  readonly store: string
}

export class CertificateAuthority {
  private readonly folder: string
  /** File of its own certificate. */
  readonly file: string

  /** Everything lies in the folder, which is the caller's to remove. */
  constructor(folder: string) {
    this.folder = folder
    this.file = join(folder, 'ca.pem')
    const files = ['-keyout', join(folder, 'ca.key'), '-out', this.file]
    openssl('req', '-x509', ...NEW_KEY, '-days', DAYS, '-subj', '/CN=authority', ...files)
  }

  get cert(): string {
    return readFileSync(this.file, 'utf8')
  }

  /** For a server on this machine, or a client of that name. */
  issue(name: string): Certificate {
    const path = (end: string) => join(this.folder, `${name}.${end}`)
    const request = ['-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${name}`]
    openssl('req', ...NEW_KEY, ...request)
    writeFileSync(path('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    const by = ['-CA', this.file, '-CAkey', join(this.folder, 'ca.key'), '-CAcreateserial']
    const files = ['-in', path('csr'), '-out', path('crt'), '-extfile', path('ext')]
    openssl('x509', '-req', ...by, '-days', DAYS, ...files)
    const [key, cert] = [readFileSync(path('key'), 'utf8'), readFileSync(path('crt'), 'utf8')]
    writeFileSync(path('pem'), key + cert)
    return { key, cert, store: path('pem') }
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

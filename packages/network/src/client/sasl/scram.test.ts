import { describe, expect, test } from 'vitest'
import { scramExchange } from './scram.ts'

/** The example of RFC 7677, section 3. */
const NONCE = 'rOprNGfwEbeRWgbNEkqO'
const SERVER_FIRST =
  'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
const login = { username: 'user', password: 'pencil' }

describe('SCRAM-SHA-256', () => {
  test('says what the RFC says', async () => {
    const next = scramExchange('sha256', login, NONCE)
    expect(String(await next(undefined))).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    expect(String(await next(Buffer.from(SERVER_FIRST)))).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
        'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    )
    expect(await next(Buffer.from(SERVER_FINAL))).toBe(undefined)
  })

  test('says when it logs in with a delegation token', async () => {
    const next = scramExchange('sha256', { ...login, isDelegationToken: true }, NONCE)
    expect(String(await next(undefined))).toBe(`n,,n=user,r=${NONCE},tokenauth=true`)
  })

  test.each([
    ['another nonce', 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096', 'nonce'],
    ['a nonce of the client alone', `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, 'nonce'],
    ['few iterations', SERVER_FIRST.replace('4096', '1'), '1 iterations'],
    ['endless iterations', SERVER_FIRST.replace('4096', '1000000000'), 'iterations'],
  ])('does not answer %s', async (_, challenge, reason) => {
    const next = scramExchange('sha256', login, NONCE)
    await next(undefined)
    await expect(next(Buffer.from(challenge))).rejects.toThrow(reason)
  })

  test.each([
    ['a wrong signature', 'v=AAriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='],
    ['no signature', 'v='],
    ['an error', 'e=invalid-proof'],
  ])('does not trust %s', async (_, final) => {
    const next = scramExchange('sha256', login, NONCE)
    await next(undefined)
    await next(Buffer.from(SERVER_FIRST))
    await expect(next(Buffer.from(final))).rejects.toMatchObject({ code: 'AUTHENTICATION' })
  })

  test('escapes what has a meaning of its own in names', async () => {
    const next = scramExchange('sha256', { ...login, username: 'a=b,c' }, NONCE)
    expect(String(await next(undefined))).toContain('n=a=3Db=2Cc,')
  })
})

import { describe, expect, it } from 'vitest'
import { overridesOf } from './connection-limits.ts'

describe('limits of single addresses', () => {
  it('are read from their list', () => {
    const limits = overridesOf('10.0.0.1:5, localhost:7,::1:3')
    expect([...limits]).toEqual([
      ['10.0.0.1', 5],
      ['127.0.0.1', 7],
      ['::1', 3],
    ])
  })

  it('are none where there is nothing to read', () => {
    expect([...overridesOf('')]).toEqual([])
    expect([...overridesOf('host,a:b')]).toEqual([])
  })
})

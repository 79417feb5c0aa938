import { ConfigError } from '@ottla/base'
import { describe, expect, it } from 'vitest'
import { BrokerConfig, parseProperties } from './broker-config.ts'
import { ConfigResolver, ConfigSource, ResourceType } from './config-resolver.ts'

const configOf = (settings: Record<string, string>) =>
  BrokerConfig.from(new Map(Object.entries(settings)))

const failure = (settings: Record<string, string>): ConfigError => {
  try {
    configOf(settings)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('the settings were accepted')
}

describe('broker settings', () => {
  it('listen on loopback when nothing is said', () => {
    expect(configOf({}).listeners()).toEqual([{ name: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }])
  })

  it('refuse an address open to the network, and say what would be accepted', () => {
    const error = failure({ listeners: 'PLAINTEXT://0.0.0.0:9092' })
    expect(error.message).toContain('open to the network')
    expect(error.hint).toContain('insecure.listeners.allow=true')
    const allowed = { listeners: 'PLAINTEXT://:9092', 'insecure.listeners.allow': 'true' }
    expect(configOf(allowed).listeners()[0]?.host).toBe('')
  })

  it.each([
    [{ 'num.partitions': 'many' }, 'num.partitions', 'Not a number of type INT'],
    [{ 'num.partitions': '0' }, 'num.partitions', 'at least 1'],
    [{ 'auto.create.topics.enable': 'yes' }, 'auto.create.topics.enable', 'true or false'],
    [{ 'flush.policy': 'never' }, 'flush.policy', 'fsync, os'],
    [{ listeners: 'localhost:9092' }, 'listeners', 'NAME://HOST:PORT'],
    [{ listeners: 'SSL://127.0.0.1:9093' }, 'listeners', 'SSL'],
    [{ 'advertised.listeners': 'OTHER://h:1' }, 'advertised.listeners', 'not in listeners'],
  ])('name what is wrong with %o', (settings, key, text) => {
    const error = failure(settings as unknown as Record<string, string>)
    expect(error.key).toBe(key)
    expect(error.message).toContain(text)
  })

  it('suggest the nearest name for one that nobody knows', () => {
    expect(configOf({ 'num.partition': '3' }).warnings).toEqual([
      'Unknown setting num.partition; did you mean num.partitions?',
    ])
  })

  it('read a properties file as Java does', () => {
    const text =
      '# note\n! note\na=1\nb : two words \nc three\nd=x\\\n  y\ne\\ f=\\u0041\\t\nempty=\n'
    expect([...parseProperties(text)]).toEqual([
      ['a', '1'],
      ['b', 'two words'],
      ['c', 'three'],
      ['d', 'xy'],
      ['e f', 'A\t'],
      ['empty', ''],
    ])
  })
})

describe('the value that holds', () => {
  const dynamic = new Map<string, Map<string, string>>()
  const resolverOf = (settings: Record<string, string>) => {
    dynamic.clear()
    return new ConfigResolver(configOf(settings), 1, (type, name) => dynamic.get(`${type}:${name}`))
  }
  const find = (configs: readonly { name: string }[], name: string) =>
    configs.find((config) => config.name === name)

  it('is the most specific one, and the others are its synonyms', () => {
    const resolver = resolverOf({ 'log.segment.bytes': '2000000' })
    dynamic.set(`${ResourceType.BROKER}:`, new Map([['log.segment.bytes', '3000000']]))
    dynamic.set(`${ResourceType.TOPIC}:t`, new Map([['segment.bytes', '4000000']]))
    expect(resolver.topic('t', 'segment.bytes')).toBe(4_000_000)
    expect(resolver.topic('other', 'segment.bytes')).toBe(3_000_000)
    expect(find(resolver.describeTopic('t'), 'segment.bytes')).toMatchObject({
      value: '4000000',
      source: ConfigSource.DYNAMIC_TOPIC,
      synonyms: [
        { name: 'segment.bytes', value: '4000000', source: ConfigSource.DYNAMIC_TOPIC },
        {
          name: 'log.segment.bytes',
          value: '3000000',
          source: ConfigSource.DYNAMIC_DEFAULT_BROKER,
        },
        { name: 'log.segment.bytes', value: '2000000', source: ConfigSource.STATIC_BROKER },
        { name: 'log.segment.bytes', value: '1073741824', source: ConfigSource.DEFAULT },
      ],
    })
  })

  it.each([
    [{}, 604_800_000],
    [{ 'log.retention.hours': '2' }, 7_200_000],
    [{ 'log.retention.hours': '2', 'log.retention.minutes': '3' }, 180_000],
    [{ 'log.retention.minutes': '3', 'log.retention.ms': '5' }, 5],
    [{ 'log.retention.ms': '-1' }, -1],
  ])('of retention.ms under %o is %i', (settings, expected) => {
    const resolver = resolverOf(settings as unknown as Record<string, string>)
    expect(resolver.topic('t', 'retention.ms')).toBe(expected)
  })

  it('of a password is never shown', () => {
    const resolver = resolverOf({ 'ssl.keystore.password': 'secret' })
    const described = find(resolver.describeBroker('1'), 'ssl.keystore.password')
    expect(described).toMatchObject({ value: null, isSensitive: true })
    expect(JSON.stringify(described)).not.toContain('secret')
  })
})

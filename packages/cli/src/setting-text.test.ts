import { expect, test } from 'vitest'
import { describeSetting, explainSetting, parseSetting } from './setting-text.ts'

test.each([
  ['retention.ms=7d', 'retention.ms', '604800000'],
  ['retention=1h', 'retention.ms', '3600000'],
  ['log.retention.hours=7d', 'log.retention.hours', '168'],
  ['log.retention.minutes=1h', 'log.retention.minutes', '60'],
  ['segment.bytes=64MB', 'segment.bytes', '67108864'],
  ['retention.ms=-1', 'retention.ms', '-1'],
  ['max.message.bytes=1000', 'max.message.bytes', '1000'],
  ['cleanup.policy=compact,delete', 'cleanup.policy', 'compact,delete'],
  ['listeners=PLAINTEXT://a:1', 'listeners', 'PLAINTEXT://a:1'],
  ['a=b=c', 'a', 'b=c'],
])('reads %s', (text, name, value) => {
  expect(parseSetting(text, '-c')).toEqual({ name, value })
})

test('refuses what is no setting, and suggests names', async () => {
  expect(() => parseSetting('retention', '-c')).toThrow('not of the form name=value')
  const { KafkaError } = await import('@ottla/client')
  const refused = new KafkaError(40, 'Creating topic x')
  expect(await explainSetting(refused, ['retenton.ms'])).toMatchObject({
    message: 'There is no topic setting retenton.ms',
    hint: 'Did you mean retention.ms?',
  })
})

test('adds what a person reads in a number', () => {
  expect(describeSetting('retention.ms', '604800000')).toBe('604800000 (7d)')
  expect(describeSetting('segment.bytes', '67108864')).toBe('67108864 (64.0 MB)')
  expect(describeSetting('flush.ms', '9223372036854775807')).toBe('9223372036854775807')
  expect(describeSetting('cleanup.policy', 'delete')).toBe('delete')
})

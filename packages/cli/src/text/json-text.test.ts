import { expect, test } from 'vitest'
import { isJsonStructure, jsonMembers, prettyJson } from './json-text.ts'

test('keeps every digit when it indents', () => {
  const text =
    '{"id":9007199254740993,"price":1.10,"tags":[],"in":{"a":[1,{"b":"x, {y}: \\"z\\""}]}}'
  const pretty = prettyJson(text)
  expect(pretty).toContain('9007199254740993')
  expect(pretty).toContain('1.10')
  expect(pretty).toContain('"tags": []')
  expect(JSON.parse(pretty)).toEqual(JSON.parse(text))
  expect(pretty.split('\n')[1]).toBe('  "id": 9007199254740993,')
})

test('cuts members out as they stand', () => {
  const members = jsonMembers('{ "a" : 1.0 , "b":{"a":2,"c":[1, 2]} ,"d,":"x:{}","e\\"":null}')
  expect([...members]).toEqual([
    ['a', '1.0'],
    ['b', '{"a":2,"c":[1, 2]}'],
    ['d,', '"x:{}"'],
    ['e"', 'null'],
  ])
  expect(jsonMembers('{}').size).toBe(0)
})

test('takes objects and arrays, whole ones only', () => {
  expect(isJsonStructure('{"a":1}')).toBe(true)
  expect(isJsonStructure('[]')).toBe(true)
  for (const text of ['42', '"x"', ' {}', '{} {}', '{a:1}', '']) {
    expect(isJsonStructure(text)).toBe(false)
  }
})

test('a string of a megabyte is one token', () => {
  const text = `{"a":"${'x\\n'.repeat(300_000)}","b":1}`
  expect(jsonMembers(text).get('b')).toBe('1')
})

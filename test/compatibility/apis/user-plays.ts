/** Legal and illegal requests about users: SCRAM credentials, quotas, tokens, SASL. */
import { apis } from '@ottla/protocol'
import { type Play, settle } from './api-transcript.ts'

const SALT = Buffer.from('c2FsdHlzYWx0', 'base64')
const SALTED = Buffer.alloc(32, 7)

const upsertion = (name: string, changes: Record<string, unknown> = {}) => ({
  name,
  mechanism: 1,
  iterations: 4096,
  salt: SALT,
  saltedPassword: SALTED,
  ...changes,
})

export const scram: Play = async (t) => {
  const alter = (what: string, deletions: unknown[], upsertions: unknown[]) =>
    t.ask(what, apis.alterUserScramCredentials, 0, { deletions, upsertions } as never)
  const describe = async (what: string, names: string[] | null) => {
    await settle()
    const users = names?.map((name) => ({ name }))
    await t.ask(what, apis.describeUserScramCredentials, 0, { users: users ?? null })
  }
  await describe('all at first', null)
  await describe('one that is not there', ['nobody'])
  await alter('nothing', [], [])
  await alter('first ones', [], [upsertion('ann'), upsertion('bob', { mechanism: 2 })])
  await alter('both mechanisms at once', [], [upsertion('eve'), upsertion('eve', { mechanism: 2 })])
  await alter('second mechanism', [], [upsertion('ann', { mechanism: 2, iterations: 8192 })])
  await alter(
    'bad ones',
    [],
    [
      upsertion(''),
      upsertion('few', { iterations: 4095 }),
      upsertion('many', { iterations: 16_385 }),
      upsertion('most', { iterations: 16_384 }),
      upsertion('unknown', { mechanism: 0 }),
      upsertion('future', { mechanism: 9 }),
      upsertion('no-salt', { salt: Buffer.alloc(0) }),
      upsertion('no-password', { saltedPassword: Buffer.alloc(0) }),
    ],
  )
  await describe('all', null)
  await describe('all by an empty list', [])
  await describe('named', ['ann', 'bob', 'nobody', 'ann'])
  await alter(
    'deletes',
    [
      { name: 'ann', mechanism: 1 },
      { name: 'nobody', mechanism: 1 },
      { name: '', mechanism: 1 },
      { name: 'bob', mechanism: 1 },
      { name: 'most', mechanism: 7 },
    ],
    [],
  )
  await alter(
    'deletes twice',
    [
      { name: 'ann', mechanism: 2 },
      { name: 'ann', mechanism: 2 },
    ],
    [],
  )
  await alter('deletes and adds', [{ name: 'ann', mechanism: 2 }], [upsertion('ann')])
  await alter('replaces', [], [upsertion('bob', { mechanism: 2, iterations: 10_000 })])
  await describe('at last', null)
}

type Entity = Readonly<Record<string, string | null>>
const entityOf = (entity: Entity) =>
  Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }))

const op = (key: string, value: number) => ({ key, value, remove: false })
const removal = (key: string) => ({ key, value: 0, remove: true })

export const quotas: Play = async (t) => {
  const alter = (what: string, entity: Entity, ops: unknown[], validateOnly = false) =>
    t.ask(what, apis.alterClientQuotas, 1, {
      entries: [{ entity: entityOf(entity), ops }],
      validateOnly,
    } as never)
  const describe = async (what: string, components: unknown[], strict = false, version = 1) => {
    await settle()
    await t.ask(what, apis.describeClientQuotas, version, { components, strict } as never)
  }
  const part = (entityType: string, matchType: number, match: string | null) => ({
    entityType,
    matchType,
    match,
  })
  await describe('nothing yet', [])
  await alter('user', { user: 'ann' }, [
    op('producer_byte_rate', 1000),
    op('consumer_byte_rate', 2000),
  ])
  await alter('default user', { user: null }, [op('request_percentage', 12.5)])
  await alter('user and client', { user: 'ann', 'client-id': 'app' }, [op('producer_byte_rate', 5)])
  await alter('user and any client', { user: 'ann', 'client-id': null }, [
    op('producer_byte_rate', 6),
  ])
  await alter('client', { 'client-id': 'app' }, [op('controller_mutation_rate', 1.5)])
  await alter('any client', { 'client-id': null }, [op('consumer_byte_rate', 7)])
  await alter('ip', { ip: '127.0.0.1' }, [op('connection_creation_rate', 10)])
  await alter('any ip', { ip: null }, [op('connection_creation_rate', 11)])
  await alter('only checked', { user: 'eve' }, [op('producer_byte_rate', 1)], true)
  await alter('too little', { user: 'eve' }, [op('producer_byte_rate', 0)])
  await alter('negative', { user: 'eve' }, [op('producer_byte_rate', -3)])
  await alter('a fraction of a byte', { user: 'eve' }, [op('producer_byte_rate', 1.5)])
  await alter('a tiny fraction', { user: 'eve' }, [op('producer_byte_rate', 10.000_000_1)])
  await alter('not a number', { user: 'eve' }, [op('request_percentage', Number.NaN)])
  await alter('no end', { user: 'eve' }, [op('request_percentage', Number.POSITIVE_INFINITY)])
  await alter('very large', { user: 'eve' }, [op('producer_byte_rate', 1e19)])
  await alter('unknown key', { user: 'eve' }, [op('bytes', 5)])
  await alter('removes an unknown key', { user: 'eve' }, [removal('bytes')])
  await alter('key of an ip', { user: 'eve' }, [op('connection_creation_rate', 5)])
  await alter('key of a user', { ip: '127.0.0.1' }, [op('producer_byte_rate', 5)])
  await alter('ip large', { ip: '127.0.0.1' }, [op('connection_creation_rate', 3e9)])
  await alter('ip fraction', { ip: '127.0.0.1' }, [op('connection_creation_rate', 1.5)])
  await alter('twice a key', { user: 'eve' }, [
    op('producer_byte_rate', 5),
    op('producer_byte_rate', 6),
  ])
  await alter('no entity', {}, [op('producer_byte_rate', 5)])
  await alter('empty name', { user: '' }, [op('producer_byte_rate', 5)])
  await alter('unknown entity', { group: 'g' }, [op('producer_byte_rate', 5)])
  await alter('ip and user', { ip: '127.0.0.1', user: 'eve' }, [op('producer_byte_rate', 5)])
  await alter('not an ip', { ip: '1.2.3.4.5.6' }, [op('connection_creation_rate', 5)])
  await alter('v6', { ip: '::1' }, [op('connection_creation_rate', 5)])
  await t.ask('twice the entity', apis.alterClientQuotas, 1, {
    entries: [
      { entity: entityOf({ user: 'two' }), ops: [op('producer_byte_rate', 1)] },
      { entity: entityOf({ user: 'two' }), ops: [op('producer_byte_rate', 2)] },
      { entity: entityOf({ user: 'three' }), ops: [op('producer_byte_rate', 3)] },
    ],
    validateOnly: false,
  })
  await t.ask('nothing to do', apis.alterClientQuotas, 0, { entries: [], validateOnly: false })
  await describe('all', [])
  await describe('all, v0', [], false, 0)
  await describe('all, strict', [], true)
  await describe('ann', [part('user', 0, 'ann')])
  await describe('ann alone', [part('user', 0, 'ann')], true)
  await describe('default user', [part('user', 1, null)])
  await describe('any user', [part('user', 2, null)])
  await describe('any user alone', [part('user', 2, null)], true)
  await describe('ann with a client', [part('user', 0, 'ann'), part('client-id', 2, null)])
  await describe('ann with app', [part('user', 0, 'ann'), part('client-id', 0, 'app')], true)
  await describe('ips', [part('ip', 2, null)])
  await describe('nobody', [part('user', 0, 'nobody')])
  await describe('exact without name', [part('user', 0, null)])
  await describe('default with name', [part('user', 1, 'x')])
  await describe('specified with name', [part('user', 2, 'x')])
  await describe('future match', [part('user', 3, null)])
  await describe('empty type', [part('', 0, 'x')])
  await describe('unknown type', [part('group', 0, 'x')])
  await describe('twice a type', [part('user', 0, 'x'), part('user', 0, 'y')])
  await describe('ip and user', [part('user', 0, 'x'), part('ip', 0, '127.0.0.1')])
  await alter('removes', { user: 'ann' }, [removal('producer_byte_rate')])
  await alter('removes again', { user: 'ann' }, [removal('producer_byte_rate')])
  await alter('removes the last', { user: 'ann' }, [removal('consumer_byte_rate')])
  await alter('removes one, sets one', { user: null }, [
    removal('request_percentage'),
    op('producer_byte_rate', 3),
  ])
  await describe('what is left', [])
}

export const tokens: Play = async (t) => {
  const renewers = [{ principalType: 'User', principalName: 'ann' }]
  const owner = { ownerPrincipalType: null, ownerPrincipalName: null }
  const other = { ownerPrincipalType: 'User', ownerPrincipalName: 'bob' }
  for (const version of [1, 2, 3]) {
    const who = version >= 3 ? owner : {}
    const body = { ...who, renewers, maxLifetimeMs: -1 }
    await t.ask(`create v${version}`, apis.createDelegationToken, version, body)
    await t.ask(`describe v${version}`, apis.describeDelegationToken, version, { owners: null })
  }
  await t.ask('create for another', apis.createDelegationToken, 3, {
    ...other,
    renewers: [{ principalType: 'Group', principalName: 'x' }],
    maxLifetimeMs: 1,
  })
  const hmac = Buffer.from('hmac')
  for (const version of [1, 2]) {
    const renewal = { hmac, renewPeriodMs: 1 }
    await t.ask(`renew v${version}`, apis.renewDelegationToken, version, renewal)
    const expiry = { hmac, expiryTimePeriodMs: 1 }
    await t.ask(`expire v${version}`, apis.expireDelegationToken, version, expiry)
  }
  await t.ask('describe nobody', apis.describeDelegationToken, 3, { owners: [] })
}

export const sasl: Play = async (t) => {
  for (const version of [0, 1]) {
    await t.ask(`handshake v${version}`, apis.saslHandshake, version, { mechanism: 'PLAIN' })
  }
  for (const version of [0, 1, 2]) {
    const body = { authBytes: Buffer.from('\0ann\0secret') }
    await t.ask(`authenticate v${version}`, apis.saslAuthenticate, version, body)
  }
  await t.ask('the connection goes on', apis.listGroups, 0, {})
}

/** Legal and illegal requests about ACLs, for brokers with and without an authorizer. */
import { apis } from '@ottla/protocol'
import { type Play, settle } from './api-transcript.ts'

interface Acl {
  readonly resourceType?: number
  readonly resourceName?: string
  readonly resourcePatternType?: number
  readonly principal?: string
  readonly host?: string
  readonly operation?: number
  readonly permissionType?: number
}

const acl = (changes: Acl = {}) => ({
  resourceType: 2,
  resourceName: 'orders',
  resourcePatternType: 3,
  principal: 'User:ann',
  host: '*',
  operation: 3,
  permissionType: 3,
  ...changes,
})

const filter = (changes: Record<string, unknown> = {}) => ({
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
  ...changes,
})

const ILLEGAL: readonly (readonly [string, Acl])[] = [
  ['any resource', { resourceType: 1 }],
  ['unknown resource', { resourceType: 0 }],
  ['resource of the future', { resourceType: 99 }],
  ['any pattern', { resourcePatternType: 1 }],
  ['match pattern', { resourcePatternType: 2 }],
  ['pattern of the future', { resourcePatternType: 9 }],
  ['any operation', { operation: 1 }],
  ['operation of the future', { operation: 77 }],
  ['any permission', { permissionType: 1 }],
  ['permission of the future', { permissionType: 7 }],
  ['no name', { resourceName: '' }],
  ['another cluster', { resourceType: 4, resourceName: 'mine' }],
  ['principal without type', { principal: 'ann' }],
  ['empty principal', { principal: '' }],
  ['empty host', { host: '' }],
  ['bad cidr', { host: '10.0.0.0/33' }],
  ['bad cidr address', { host: 'abc/8' }],
  ['empty cidr', { host: '10.0.0.1/' }],
  ['two slashes', { host: '10.0.0.0/8/8' }],
  ['negative cidr', { host: '10.0.0.0/-1' }],
  ['plus cidr', { host: '10.0.0.0/+8' }],
  ['bad v6 cidr', { host: '::1/129' }],
  ['short address', { host: '10.0.0/8' }],
  ['host bits', { host: '10.0.0.1/8' }],
]

const LEGAL: readonly Acl[] = [
  {},
  { operation: 4 },
  { principal: 'User:bob', host: '10.1.2.3' },
  { principal: 'User:*', host: 'somewhere.example' },
  { resourceName: 'ord', resourcePatternType: 4 },
  { resourceName: '*' },
  { resourceType: 3, resourceName: 'readers' },
  { resourceType: 4, resourceName: 'kafka-cluster', operation: 7 },
  { resourceType: 5, resourceName: 'payments', operation: 15 },
  { resourceType: 6, resourceName: 'token' },
  { resourceType: 7, resourceName: 'User:eve', operation: 13 },
  { permissionType: 2, host: '10.0.0.0/8' },
  { host: '2001:db8::/32' },
  { principal: 'Group:a:b' },
]

export const acls: Play = async (t) => {
  for (const version of [1, 2, 3]) {
    await t.ask(`all at first v${version}`, apis.describeAcls, version, filter())
  }
  for (const [what, change] of ILLEGAL) {
    await t.ask(`create ${what}`, apis.createAcls, 3, { creations: [acl(change), acl()] })
  }
  await t.ask('create none', apis.createAcls, 3, { creations: [] })
  await t.ask('create twice the same', apis.createAcls, 2, { creations: [acl(), acl()] })
  await t.ask('create all', apis.createAcls, 1, { creations: LEGAL.map(acl) })
  await settle()
  for (const version of [1, 2, 3]) {
    await t.ask(`all v${version}`, apis.describeAcls, version, filter())
  }
  for (const [what, change] of FILTERS) {
    await t.ask(`described by ${what}`, apis.describeAcls, 3, filter(change))
  }
  await t.ask('delete nothing', apis.deleteAcls, 3, { filters: [] })
  await t.ask('delete by filters', apis.deleteAcls, 3, {
    filters: [
      filter({ principalFilter: 'User:bob' }),
      filter({ principalFilter: 'User:bob' }),
      filter({ operation: 88 }),
      filter({ patternTypeFilter: 2, resourceTypeFilter: 2, resourceNameFilter: 'orders' }),
    ],
  })
  await settle()
  await t.ask('left', apis.describeAcls, 3, filter())
  await t.ask('delete the rest', apis.deleteAcls, 1, { filters: [filter()] })
  await settle()
  await t.ask('nothing left', apis.describeAcls, 3, filter())
}

const FILTERS: readonly (readonly [string, Record<string, unknown>])[] = [
  ['topic', { resourceTypeFilter: 2 }],
  ['name literal', { resourceNameFilter: 'orders', patternTypeFilter: 3 }],
  ['name prefixed', { resourceNameFilter: 'ord', patternTypeFilter: 4 }],
  ['name of any pattern', { resourceNameFilter: 'ord' }],
  ['match', { resourceTypeFilter: 2, resourceNameFilter: 'orders', patternTypeFilter: 2 }],
  ['match of nothing but stars', { resourceNameFilter: 'zzz', patternTypeFilter: 2 }],
  ['match without name', { patternTypeFilter: 2 }],
  ['principal', { principalFilter: 'User:ann' }],
  ['host', { hostFilter: '10.1.2.3' }],
  ['cidr as text', { hostFilter: '10.0.0.0/8' }],
  ['operation', { operation: 4 }],
  ['all operations', { operation: 2 }],
  ['denials', { permissionType: 2 }],
  ['unknown pattern', { patternTypeFilter: 0 }],
  ['unknown resource', { resourceTypeFilter: 0 }],
  ['unknown operation', { operation: 0 }],
  ['unknown permission', { permissionType: 0 }],
  ['resource of the future', { resourceTypeFilter: 88 }],
  ['pattern of the future', { patternTypeFilter: 88 }],
  ['operation of the future', { operation: 88 }],
  ['permission of the future', { permissionType: 88 }],
]

/** ACLs, SCRAM users, quotas and features: made on one broker, read on the next. */
import { apis } from '@ottla/protocol'
import { ApiTranscript, settle } from '../apis/api-transcript.ts'

async function withRequests<T>(
  bootstrap: string,
  use: (transcript: ApiTranscript) => Promise<T>,
): Promise<T> {
  const transcript = new ApiTranscript(bootstrap)
  try {
    return await use(transcript)
  } finally {
    transcript.close()
  }
}

/** Makes one of each under a name. Ranges of hosts are known from metadata.version 32 on. */
export async function makeAccess(
  bootstrap: string,
  name: string,
  host = '10.0.0.0/8',
): Promise<void> {
  const acl = {
    resourceType: 2,
    resourcePatternType: 3,
    principal: `User:${name}`,
    host,
    operation: 3,
    permissionType: 3,
  }
  const credential = {
    iterations: 4096,
    salt: Buffer.from('salz'),
    saltedPassword: Buffer.alloc(9),
  }
  await withRequests(bootstrap, async (t) => {
    await t.ask('ACLs', apis.createAcls, 3, {
      creations: [
        { ...acl, resourceName: name },
        { ...acl, resourceName: 'all', resourcePatternType: 4, operation: 2 },
      ],
    })
    await t.ask('users', apis.alterUserScramCredentials, 0, {
      deletions: [],
      upsertions: [
        { ...credential, name, mechanism: 1 },
        { ...credential, name: 'both', mechanism: 2, iterations: 5000 },
      ],
    })
    const entity = [{ entityType: 'user', entityName: name }]
    // So high that Apache Kafka, which enforces it, slows nobody down.
    const ops = [{ key: 'producer_byte_rate', value: 1e12, remove: false }]
    const byDefault = [{ entityType: 'client-id', entityName: null }]
    await t.ask('quotas', apis.alterClientQuotas, 1, {
      entries: [
        { entity, ops },
        { entity: byDefault, ops },
      ],
      validateOnly: false,
    })
    const refused = t.lines.filter((line) => line.includes('"errorCode"'))
    if (refused.length > 0) throw new Error(refused.join('\n'))
  })
}

/** All of it, as text that is equal when the same is there. */
export const readAccess = (bootstrap: string): Promise<string[]> =>
  withRequests(bootstrap, async (t) => {
    // Apache Kafka's authorizer follows the metadata log.
    await settle()
    await t.ask('ACLs', apis.describeAcls, 3, {
      resourceTypeFilter: 1,
      resourceNameFilter: null,
      patternTypeFilter: 1,
      principalFilter: null,
      hostFilter: null,
      operation: 1,
      permissionType: 1,
    })
    await t.ask('users', apis.describeUserScramCredentials, 0, { users: null })
    await t.ask('quotas', apis.describeClientQuotas, 1, { components: [], strict: false })
    return t.lines
  })

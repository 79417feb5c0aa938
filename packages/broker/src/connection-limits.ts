/** How many connections one address may have. Asked at every connection: all of it can change. */
import type { ConfigResolver } from './config/config-resolver.ts'

export function connectionsOf(configs: ConfigResolver, address: string): number {
  const overrides = configs.broker('max.connections.per.ip.overrides') as string
  return overridesOf(overrides).get(address) ?? (configs.broker('max.connections.per.ip') as number)
}

/** `ADDRESS:COUNT`, separated by commas; what is none of that is left out. */
export function overridesOf(text: string): ReadonlyMap<string, number> {
  const entries = text.split(',').flatMap((entry): [string, number][] => {
    const match = /^(.+):(\d+)$/.exec(entry.trim())
    return match ? [[addressOf(match[1] as string), Number(match[2])]] : []
  })
  return new Map(entries)
}

const addressOf = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host)

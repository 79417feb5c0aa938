/** Ranges of addresses in host patterns of ACLs (metadata.version 4.4-IV1). */
import { isIPv6 } from 'node:net'

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/

/** Why a text with a slash is no range, or undefined when it is one. */
export function cidrFault(text: string): string | undefined {
  return text.includes(':') ? v6Fault(text) : v4Fault(text)
}

function v4Fault(text: string): string | undefined {
  const parts = V4.exec(text)?.slice(1).map(Number)
  if (!parts) return `Could not parse [${text}]`
  const prefix = parts.pop() as number
  const wrong = parts.find((part) => part > 255)
  if (wrong !== undefined) return `Value [${wrong}] not in range [0,255]`
  return prefix > 32 ? `Value [${prefix}] not in range [0,32]` : undefined
}

function v6Fault(text: string): string | undefined {
  const slash = text.indexOf('/')
  const [address, prefix] = [text.slice(0, slash), text.slice(slash + 1)]
  if (!/^\d+$/.test(prefix) || !isIPv6(address)) return `Could not parse [${text}]`
  if (Number(prefix) <= 128) return undefined
  return `Could not parse [${text}] - prefix length must be between 0 and 128`
}

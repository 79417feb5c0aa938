/** Keys, values and headers as text: what is UTF-8 is shown as such, everything else as hex. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of the bytes, or undefined when they are no text a person could read. */
export function tryText(bytes: Uint8Array): string | undefined {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    // Not UTF-8: that is the answer.
    return undefined
  }
  return hasControlCharacter(text) ? undefined : text
}

/** Anything below a space but tab, line feed and carriage return, and DEL. */
function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 127 || (code < 32 && code !== 9 && code !== 10 && code !== 13)) return true
  }
  return false
}

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')

/** Text, or hex with its sign in front. */
export function shownText(bytes: Uint8Array | null): string {
  if (bytes === null) return ''
  return tryText(bytes) ?? `0x${hexOf(bytes)}`
}

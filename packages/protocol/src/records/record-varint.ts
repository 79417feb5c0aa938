/**
 * The zig-zag varints inside records. Values are numbers: 32-bit ones take the fast loop, larger
 * ones (timestamp deltas) are taken apart with divisions, exactly up to 2^53.
 */

/** Bytes of an unsigned varint below 2^32. */
function unsignedSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  return value < 0x1000_0000 ? 4 : 5
}

const isInt32 = (value: number): boolean => (value | 0) === value

/** Bytes of a zig-zag varint or varlong. */
export function sizeOfVarint(value: number): number {
  if (isInt32(value)) return unsignedSize(((value << 1) ^ (value >> 31)) >>> 0)
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let size = 1
  for (; rest >= 0x80; size++) rest = Math.floor(rest / 0x80)
  return size
}

/** Writes a zig-zag varint or varlong; returns the position behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  if (!isInt32(value)) return writeVarlong(target, at, value)
  let position = at
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[position++] = rest
  return position
}

function writeVarlong(target: Uint8Array, at: number, value: number): number {
  let position = at
  // Doubling leaves 2^53 behind only for deltas that no pair of exact timestamps can have.
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  while (rest > 0x7f) {
    target[position++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[position++] = rest
  return position
}

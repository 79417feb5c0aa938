/**
 * Lets an accepted socket read into memory of ours, as `onread` does for sockets that connect: for
 * those only does Node offer it. Otherwise each read allocates 64 KiB and hands it over as a chunk,
 * which under load is most of what the garbage collector of a broker has to do.
 *
 * The three properties are what the constructor of net.Socket sets for `onread`, in Node 20 to 24.
 * Where they are not there the answer is false, and the caller listens for chunks.
 */
import type { Socket } from 'node:net'

interface ReadHandle {
  useUserBuffer?: (buffer: Uint8Array) => void
}

/** `target` gives the memory for the next read; `received` is told how much of it was filled. */
export function readInto(
  socket: Socket,
  target: () => Uint8Array,
  received: (count: number) => void,
): boolean {
  const slots = new Map(
    Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol]),
  )
  const buffer = slots.get('kBuffer')
  const callback = slots.get('kBufferCb')
  const generator = slots.get('kBufferGen')
  const { _handle: handle } = socket as unknown as { readonly _handle?: ReadHandle | null }
  if (!buffer || !callback || !generator || !handle?.useUserBuffer) return false
  const first = target()
  Object.assign(socket, {
    [buffer]: first,
    [generator]: target,
    [callback]: (count: number) => {
      received(count)
      return true
    },
  })
  handle.useUserBuffer(first)
  return true
}

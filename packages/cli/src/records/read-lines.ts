/** Lines of a stream as bytes, all that are complete at once: typing and pipes are served alike. */
import { UsageError } from '../cli-error.ts'
import { formatBytes } from '../text/quantity.ts'

const LINE_BYTES_MAX = 64 * 1024 * 1024
const LINE_FEED = 0x0a

export async function* readLines(
  input: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = []
  let restSize = 0
  for await (const data of input) {
    const chunk = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data)
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const piece = chunk.subarray(start, end)
      lines.push(rest.length > 0 ? Buffer.concat([...rest, piece]) : piece)
      rest = []
      restSize = 0
      start = end + 1
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start))
      restSize += chunk.length - start
    }
    if (restSize > LINE_BYTES_MAX) {
      throw new UsageError(
        `A line is longer than ${formatBytes(LINE_BYTES_MAX)}`,
        'Use --value-file to send a file as one record.',
      )
    }
    if (lines.length > 0) yield lines
  }
  if (restSize > 0) yield [Buffer.concat(rest)]
}

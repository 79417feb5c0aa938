/** The nodes of the cluster that a directory grows into, as they are given on the command line. */
import { UsageError } from '../cli-error.ts'

export interface Node {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly controllerPort: number
  readonly logDirs: readonly string[]
}

const PORT = 9092
const CONTROLLER_PORT = 9093
const NODES = 3

/**
 * `host[:port[:controller port]]` of three nodes, separated by commas; the first has the directory.
 * `logDirOf` says where the others will keep theirs.
 */
export function parseNodes(
  text: string,
  first: { readonly id: number; readonly logDirs: readonly string[] },
  logDirOf: (id: number) => string,
): Node[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.length !== NODES) {
    throw new UsageError(
      `--nodes names ${items.length} nodes`,
      'Name three: --nodes a.example,b.example,c.example',
    )
  }
  return items.map((item, i) => {
    const [, host, port, controllerPort] = /^([^:\s]+)(?::(\d+))?(?::(\d+))?$/.exec(item) ?? []
    if (host === undefined) {
      throw new UsageError(`${item} is not of the form host:port:controllerPort`)
    }
    const id = first.id + i
    return {
      id,
      host,
      port: Number(port ?? PORT),
      controllerPort: Number(controllerPort ?? CONTROLLER_PORT),
      logDirs: i === 0 ? first.logDirs : [logDirOf(id)],
    }
  })
}

export const clientAddress = ({ host, port }: Node): string => `${host}:${port}`
export const controllerAddress = ({ host, controllerPort }: Node): string =>
  `${host}:${controllerPort}`

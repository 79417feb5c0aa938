/**
 * Circular information flow between transactions: each has read what another one wrote (wr), round
 * to itself. Kafka does not isolate writes, so a cycle that needs the order of writes (ww) is
 * nothing wrong; it is counted, not reported.
 */
import type { Anomaly } from './anomaly.ts'
import type { Operation } from './history.ts'
import { addTo, type HistoryIndex } from './history-index.ts'

type Edges = Map<Operation, Set<Operation>>

export function* readCycles(index: HistoryIndex): Generator<Anomaly> {
  for (const component of components(readEdges(index))) {
    const names = component.map(({ process, startedAt }) => `${process}@${Math.round(startedAt)}`)
    yield { name: 'G1c', text: names.join(' -> ') }
  }
}

/** How many groups of transactions are knotted by the order of their writes. */
export function countWriteCycles(index: HistoryIndex): number {
  const edges = readEdges(index)
  for (const key of index.keys.values()) {
    let before: Operation | undefined
    for (const offset of [...key.valuesAt.keys()].sort((a, b) => a - b)) {
      for (const value of key.valuesAt.get(offset) ?? []) {
        const writer = key.writers.get(value)
        if (writer?.operation.what !== 'txn' || !index.isCommitted(writer)) continue
        if (before && before !== writer.operation) addTo(edges, before, writer.operation)
        before = writer.operation
      }
    }
  }
  return components(edges).length
}

function readEdges(index: HistoryIndex): Edges {
  const edges: Edges = new Map()
  for (const { operation, poll, read } of index.sightings()) {
    const writer = index.key(poll.key).writers.get(read.value)?.operation
    if (operation.what !== 'txn' || writer?.what !== 'txn' || writer === operation) continue
    addTo(edges, writer, operation)
  }
  return edges
}

/** Strongly connected components of more than one node (Tarjan, without recursion). */
function components(edges: Edges): Operation[][] {
  const state = new Map<Operation, { order: number; low: number; isOpen: boolean }>()
  const open: Operation[] = []
  const found: Operation[][] = []
  const enter = (node: Operation) => {
    const order = state.size
    state.set(node, { order, low: order, isOpen: true })
    open.push(node)
    return { node, rest: [...(edges.get(node) ?? [])] }
  }
  const leave = (node: Operation) => {
    const own = state.get(node)
    if (!own || own.low !== own.order) return
    const component = open.splice(open.indexOf(node))
    for (const member of component) {
      const known = state.get(member)
      if (known) known.isOpen = false
    }
    if (component.length > 1) found.push(component)
  }
  for (const root of edges.keys()) {
    if (state.has(root)) continue
    const path = [enter(root)]
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const own = state.get(top.node)
      const next = top.rest.pop()
      if (next === undefined) {
        path.pop()
        leave(top.node)
        const parent = path.at(-1) && state.get((path.at(-1) as typeof top).node)
        if (parent && own) parent.low = Math.min(parent.low, own.low)
        continue
      }
      const known = state.get(next)
      if (!known) path.push(enter(next))
      else if (known.isOpen && own) own.low = Math.min(own.low, known.order)
    }
  }
  return found
}

/**
 * Cuts at every place of a frame. A run without a cut shows how large request and answer are; then
 * a client for each place does the same, and its first request of that API is cut there. Clients
 * are told apart by their client id, so that many go at once through one proxy.
 */
import { Kafka } from '@ottla/client'
import type { AnyApi } from '@ottla/network'
import type { Cut, WireProxy } from '../../support/wire-proxy.ts'

const CONCURRENCY = 24
/** Frames up to this size are cut at every byte, larger ones at every third, or seventh. */
const EVERY_BYTE_MAX = 120
const EVERY_THIRD_MAX = 400

type Work = (client: Kafka, name: string, index: number) => Promise<void>

interface Place {
  readonly inside: Cut['inside']
  readonly afterBytes: number
}

export class CutPlan {
  private readonly proxy: WireProxy
  private readonly strideMin: number
  private readonly stride = Number(process.env['CUT_STRIDE'] ?? 0)
  private readonly armed = new Map<string, { readonly apiKey: number; readonly cut: Cut }>()
  private readonly sizes = new Map<string, { request: number; response: number }>()
  private readonly counts = new Map<string, number>()
  private clients = 0
  /** How many have been made. */
  cuts = 0

  constructor(proxy: WireProxy, options: { readonly strideMin: number }) {
    this.proxy = proxy
    this.strideMin = options.strideMin
    proxy.onRequest = ({ clientId, apiKey, bytes }) => {
      const key = `${clientId} ${apiKey}`
      this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
      if (!this.sizes.has(key)) this.sizes.set(key, { request: bytes, response: 0 })
      const armed = this.armed.get(clientId)
      if (armed?.apiKey !== apiKey) return undefined
      this.armed.delete(clientId)
      return armed.cut
    }
    proxy.onResponse = ({ clientId, apiKey }, bytes) => {
      const sizes = this.sizes.get(`${clientId} ${apiKey}`)
      if (sizes && sizes.response === 0) sizes.response = bytes
    }
  }

  /** How many requests of an API a client has sent. */
  seen(name: string, api: AnyApi): number {
    return this.counts.get(`${name} ${api.key}`) ?? 0
  }

  /** Runs `work` once for each place; the names of the clients, one for each. */
  async run(api: AnyApi, work: Work): Promise<string[]> {
    const first = this.nextName()
    await this.work(first, 0, work)
    const sizes = this.sizes.get(`${first} ${api.key}`)
    if (!sizes || sizes.response === 0) throw new Error(`${api.name} was not used`)
    const places = [...this.places('request', sizes.request)]
    places.push(...this.places('response', sizes.response))
    const names = [first]
    let next = 0
    const turn = async () => {
      while (next < places.length) {
        const index = next++
        names.push(await this.cut(api, places[index] as Place, { index, work }))
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, turn))
    return names
  }

  private *places(inside: Cut['inside'], bytes: number): Generator<Place> {
    const usual = bytes <= EVERY_BYTE_MAX ? 1 : bytes <= EVERY_THIRD_MAX ? 3 : 7
    const stride = this.stride || Math.max(this.strideMin, usual)
    for (let afterBytes = 0; afterBytes <= bytes; afterBytes += stride) yield { inside, afterBytes }
    // The last byte is missing, and none.
    yield { inside, afterBytes: bytes - 1 }
    yield { inside, afterBytes: bytes }
  }

  private async cut(
    api: AnyApi,
    { inside, afterBytes }: Place,
    { index, work }: { readonly index: number; readonly work: Work },
  ): Promise<string> {
    const name = this.nextName()
    let isCut = false
    const onCut = () => {
      isCut = true
    }
    this.armed.set(name, { apiKey: api.key, cut: { inside, afterBytes, onCut } })
    const where = `${api.name}, ${inside} cut after ${afterBytes} bytes (${name})`
    await this.work(name, index, work).catch((error: unknown) => {
      throw new Error(`${where}: ${error}`, { cause: error })
    })
    if (!isCut) throw new Error(`${where}: was not cut`)
    this.cuts++
    return name
  }

  private async work(name: string, index: number, work: Work): Promise<void> {
    const { address } = this.proxy
    await using client = new Kafka({ brokers: address, clientId: name, requestTimeoutMs: 10_000 })
    await work(client, name, index)
  }

  /** All of one length, so that all their frames are, too. */
  private nextName(): string {
    return `cut-${String(++this.clients).padStart(6, '0')}`
  }
}

import type { ServerConnection } from '@ottla/network'
import type { ListenerAddress } from './config/broker-config.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/**
 * The address a client is told to come back to: that of `advertised.listeners` when given, else the
 * one it dialled, which it evidently can reach.
 */
export class Endpoints {
  private readonly advertised = new Map<string, Endpoint>()

  constructor(advertised: readonly ListenerAddress[]) {
    for (const { name, host, port } of advertised) this.advertised.set(name, { host, port })
  }

  for(connection: ServerConnection): Endpoint {
    const advertised = this.advertised.get(connection.listenerName)
    return advertised ?? { host: connection.localAddress, port: connection.localPort }
  }
}

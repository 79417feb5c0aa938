/** kafkajs's `socketFactory`: a function of the application makes every socket, TLS included. */
import type { ConnectionOptions } from 'node:tls'
import type { OpenSocket } from '@ottla/client'
import type { ISocketFactory } from '../types/config.ts'

/** The factory calls back when its socket is connected, with TLS behind the handshake. */
export const throughFactory =
  (factory: ISocketFactory, ssl: ConnectionOptions | boolean | undefined): OpenSocket =>
  ({ host, port }, signal) =>
    new Promise((resolve, reject) => {
      const options = (ssl === true ? {} : ssl || undefined) as ConnectionOptions
      const socket = factory({ host, port, ssl: options, onConnect: () => resolve(socket) })
      socket.once('error', reject)
      signal.addEventListener('abort', () => socket.destroy(), { once: true })
    })

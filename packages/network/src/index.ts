export { type AnyApi, ApiVersions, negotiateVersions } from './client/api-versions.ts'
export {
  ClientConnection,
  type ClientConnectionOptions,
  type RequestOptions,
  type RequestReport,
} from './client/connection.ts'
export {
  AuthenticationError,
  ConnectionError,
  RequestTimeoutError,
  UnsupportedVersionError,
} from './client/connection-errors.ts'
export type { OpenSocket } from './client/own-socket.ts'
export { authenticate } from './client/sasl/authenticate.ts'
export type {
  CustomLogin,
  OAuthToken,
  PasswordLogin,
  SaslBroker,
  SaslExchange,
  SaslOptions,
  Secret,
  TokenLogin,
} from './client/sasl/mechanisms.ts'
export {
  FRAME_BYTES_MAX_DEFAULT,
  FrameReceiver,
  FrameSizeError,
  FrameSplitter,
  giveFrame,
} from './frame.ts'
export { Listener, type ListenerOptions } from './server/listener.ts'
export {
  type FrameHandler,
  type LentChunks,
  type ResponseFrame,
  ServerConnection,
  type ServerConnectionOptions,
} from './server/server-connection.ts'

export { Broker, type BrokerOptions } from './broker.ts'
export { BrokerConfig, type ListenerAddress, parseProperties } from './config/broker-config.ts'
export {
  type BrokerSettingName,
  type BrokerSettings,
  brokerSettings,
} from './config/broker-settings.ts'
export { groupConfigSettings } from './config/group-config-settings.ts'
export { topicSettings } from './config/topic-settings.ts'
export { handlers } from './handlers/handlers.ts'
export { METRICS } from './metrics.ts'

import { type ConfigRow, type ConfigTable, type ConfigValues, formatConfig } from '@ottla/base'
import { controllerSettings } from './controller-settings.ts'
import { groupSettings } from './group-settings.ts'
import { logSettings } from './log-settings.ts'
import { networkSettings } from './network-settings.ts'
import { ownDefaults, ownSettings } from './own-settings.ts'
import { remoteLogSettings } from './remote-log-settings.ts'
import { securitySettings } from './security-settings.ts'
import { shareGroupSettings } from './share-group-settings.ts'
import { streamsGroupSettings } from './streams-group-settings.ts'
import { transactionSettings } from './transaction-settings.ts'

const kafkaSettings = {
  ...logSettings,
  ...groupSettings,
  ...shareGroupSettings,
  ...streamsGroupSettings,
  ...transactionSettings,
  ...networkSettings,
  ...securitySettings,
  ...remoteLogSettings,
  ...controllerSettings,
}

/** Every setting of a broker: Apache Kafka 4.4's and ottla's own, with ottla's defaults. */
export const brokerSettings = withOwnDefaults({ ...kafkaSettings, ...ownSettings })
export type BrokerSettings = ConfigValues<typeof brokerSettings>
export type BrokerSettingName = keyof BrokerSettings

function withOwnDefaults<T extends ConfigTable>(table: T): T {
  const rows = Object.entries(table).map(([name, row]): [string, ConfigRow] => [
    name,
    name in ownDefaults ? { ...row, default: ownDefaults[name] } : row,
  ])
  return Object.fromEntries(rows) as T
}

/** Text of the default of a setting. */
export const defaultText = (row: ConfigRow): string | null => formatConfig(row, row.default)

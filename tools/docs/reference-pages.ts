/** All pages of docs/reference, by file name. */
import { benchmarksPage } from './benchmarks-page.ts'
import { clientSpeedPage } from './client-speed-page.ts'
import { commandPage } from './command-page.ts'
import { javaSettingsPage } from './java-settings-page.ts'
import { kafkajsPage } from './kafkajs-page.ts'
import { librdkafkaPage } from './librdkafka-page.ts'
import { migrationPage } from './migration-page.ts'
import { errorsPage, metricsPage, protocolPage } from './protocol-pages.ts'
import { brokerSettingsPage, groupSettingsPage, topicSettingsPage } from './setting-pages.ts'

export const referencePages = async (): Promise<Readonly<Record<string, string>>> => ({
  'command-line.md': await commandPage(),
  'broker-settings.md': brokerSettingsPage(),
  'topic-settings.md': topicSettingsPage(),
  'group-settings.md': groupSettingsPage(),
  'protocol.md': protocolPage(),
  'errors.md': errorsPage(),
  'metrics.md': metricsPage(),
  'benchmarks.md': benchmarksPage(),
  'client-speed.md': clientSpeedPage(),
  'librdkafka-suite.md': librdkafkaPage(),
  'kafkajs.md': kafkajsPage(),
  'from-kafkajs.md': migrationPage(),
  'java-settings.md': javaSettingsPage(),
})

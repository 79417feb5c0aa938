/** All pages of docs/reference, by file name. */
import { benchmarksPage } from './benchmarks-page.ts'
import { errorsPage, metricsPage, protocolPage } from './protocol-pages.ts'
import { brokerSettingsPage, groupSettingsPage, topicSettingsPage } from './setting-pages.ts'

export const referencePages = (): Readonly<Record<string, string>> => ({
  'broker-settings.md': brokerSettingsPage(),
  'topic-settings.md': topicSettingsPage(),
  'group-settings.md': groupSettingsPage(),
  'protocol.md': protocolPage(),
  'errors.md': errorsPage(),
  'metrics.md': metricsPage(),
  'benchmarks.md': benchmarksPage(),
})

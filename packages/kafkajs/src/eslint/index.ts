export { configs, meta, rules } from './plugin.ts'

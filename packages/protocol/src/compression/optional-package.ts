import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * A package that carries native code, or undefined where it has no binary for this platform. The
 * codec then uses its JavaScript stand-in: slower, the same bytes for every reader.
 */
export function loadOptionalPackage<T>(name: string): T | undefined {
  try {
    return require(name) as T
  } catch {
    // No binary for this platform; `codecFallbacks` names the codec.
    return undefined
  }
}

import { MemoryFileSystem } from '@ottla/storage'

/** A disk in memory whose syncs of some files can be held up. */
export class HeldDisk extends MemoryFileSystem {
  private held: { readonly path: string; readonly until: Promise<void> } | undefined
  release: () => void = () => {}

  constructor() {
    super()
    this.makeDirectory('/data')
  }

  /** Syncs of files whose path contains this wait for `release`. */
  hold(path: string): void {
    const until = new Promise<void>((resolve) => {
      this.release = resolve
    })
    this.held = { path, until }
  }

  override open(...args: Parameters<MemoryFileSystem['open']>) {
    const handle = super.open(...args)
    const wait = async () => {
      if (this.held && args[0].includes(this.held.path)) await this.held.until
    }
    return { ...handle, sync: () => wait().then(() => handle.sync()) }
  }
}

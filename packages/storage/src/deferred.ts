/** A promise that is settled from outside. Its rejection is nobody's until somebody asks for it. */
export class Deferred {
  readonly promise: Promise<void>
  private settleGood: () => void = () => {}
  private settleBad: (error: Error) => void = () => {}

  constructor() {
    this.promise = new Promise<void>((resolve, reject) => {
      this.settleGood = resolve
      this.settleBad = reject
    })
  }

  resolve(): void {
    this.settleGood()
  }

  reject(error: Error): void {
    this.settleBad(error)
  }
}

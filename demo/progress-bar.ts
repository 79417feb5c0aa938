/** A bar that is redrawn on a terminal and, elsewhere, leaves only its last line. */
const WIDTH = 28

export class ProgressBar {
  private readonly label: string
  private readonly total: number
  private readonly startMs = performance.now()
  private drawn = -1

  constructor(label: string, total: number) {
    this.label = label
    this.total = total
  }

  update(done: number): void {
    if (!process.stdout.isTTY) return
    const filled = Math.floor((Math.min(done, this.total) / this.total) * WIDTH)
    if (filled === this.drawn) return
    this.drawn = filled
    process.stdout.write(`\r${this.line(done, filled)}`)
  }

  finish(remark: string): void {
    const seconds = ((performance.now() - this.startMs) / 1000).toFixed(1)
    const start = process.stdout.isTTY ? '\r' : ''
    process.stdout.write(`${start}${this.line(this.total, WIDTH)}  ${seconds} s  ${remark}\n`)
  }

  private line(done: number, filled: number): string {
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled)
    return `${this.label.padEnd(8)} ${bar} ${String(done).padStart(6)}/${this.total}`
  }
}

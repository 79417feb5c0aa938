/** CPU seconds and memory of another process, as Linux accounts for them. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Clock ticks per second of /proc; 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** User and system time of a process so far, its threads included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold blanks; fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory of a process, in bytes. */
export const residentBytes = (pid: number): number => statusBytes(pid, 'VmRSS')

/** The most resident memory a process has had since it started or was last told to forget. */
export const residentBytesMax = (pid: number): number => statusBytes(pid, 'VmHWM')

export function forgetResidentBytesMax(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function statusBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
}

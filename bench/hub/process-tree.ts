import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/**
 * The resources that a process with all its threads and descendants has used. Linux only: it reads
 * `/proc`.
 */
export interface Taken {
  readonly cpuMs: number
  /** Memory in bytes; what is shared with other processes counts in proportion (PSS). */
  readonly memoryBytes: number
}

export function readProcessTree(root: number): Taken {
  const pids = descend(root)
  return {
    cpuMs: pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0),
    memoryBytes: pids.reduce((sum, pid) => sum + memoryBytesOf(pid), 0),
  }
}

/** CPU time alone, which costs less to read than memory. */
export function readCpuMs(root: number): number {
  return descend(root).reduce((sum, pid) => sum + cpuMsOf(pid), 0)
}

/** CPU time in milliseconds by thread name. */
export function readThreads(root: number): Record<string, number> {
  const threads: Record<string, number> = {}
  for (const pid of descend(root)) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const { name, cpuMs } = parseStat(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1'))
      threads[name] = (threads[name] ?? 0) + cpuMs
    }
  }
  return threads
}

/**
 * The share of the machine's CPU that other processes used, from 0 to 1, if all processes used
 * `machineCpuMs` and the benchmark `ownCpuMs` of it.
 */
export function othersCpuShareOf(machineCpuMs: number, ownCpuMs: number, tookMs: number): number {
  return Math.max(0, machineCpuMs - ownCpuMs) / (tookMs * availableParallelism())
}

/**
 * CPU time in milliseconds that all processes of the machine have used, on all of its processors.
 */
export function readMachineCpuMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1)
  const [user, nice, system, , , interrupts, softInterrupts] = line.split(/ +/).slice(1).map(Number)
  return [user, nice, system, interrupts, softInterrupts].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * 10
}

/** A process and its descendants. */
export function descend(pid: number): number[] {
  const pids = [pid]
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean)
    for (const child of children) pids.push(...descend(Number(child)))
  }
  return pids
}

function cpuMsOf(pid: number): number {
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')).cpuMs
}

/**
 * The 14th and 15th field are the time in user and in system mode, in hundredths of a second. The
 * 2nd is the name, in parentheses.
 */
function parseStat(stat: string): { name: string; cpuMs: number } {
  const nameEnd = stat.lastIndexOf(')')
  const fields = stat.slice(nameEnd + 2).split(' ')
  return { name: stat.slice(stat.indexOf('(') + 1, nameEnd), cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 }
}

function memoryBytesOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  return Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1] ?? Number.NaN) * 1024
}

import { seeded } from '../store/remote-store.ts'

/** Whoever does something: a hub's process, a page, a publisher, the engine. When it dies, all it was about to do is never done. */
export class Process {
  readonly name: string
  isAlive = true
  /** When its newest `setImmediate` is due: they keep their order. */
  immediateAt = 0

  constructor(name: string) {
    this.name = name
  }
}

export interface Task {
  at: number
  readonly order: number
  readonly owner: Process
  readonly run: () => void
  /** Whether it is what the network does on the owner's side. */
  readonly isNetworks: boolean
  isCancelled: boolean
}

/** When a simulated day begins, in milliseconds since 1970. */
const firstMoment = 1_700_000_000_000
/** Nothing that ends takes so many tasks. */
const maxTasks = 400_000

/**
 * Decides everything that chance decides, from one seed, and does one task at a time, the next one due. The clock stands still in
 * between. What promises have to do is done after each task, in the order in which JavaScript does it.
 *
 * Nothing here waits for the real event loop, so that nothing of the real world can come in between, the test runner included: a
 * whole simulation is one tick of Node's.
 */
export class Scheduler {
  /** Milliseconds since the simulation began. */
  now = 0
  taskCount = 0
  /** Who does the task of now, and so whatever it begins. */
  current = new Process('world')
  readonly random: () => number
  /** One line for each thing that happens; `undefined` when nobody wants to know. */
  readonly trace: string[] | undefined
  #order = 0
  readonly #heap: Task[] = []

  constructor(seed: number, trace?: string[]) {
    this.random = seeded(seed)
    this.trace = trace
  }

  get date(): number {
    return firstMoment + Math.floor(this.now)
  }

  /** A clock that is looked at has gone on. */
  readClock(): number {
    this.now += this.random() * 0.01
    return this.now
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  note(...words: unknown[]): void {
    this.trace?.push(`${this.now.toFixed(2).padStart(11)} ${this.current.name.padEnd(8)} ${words.join(' ')}`)
  }

  /** Does something so many milliseconds from now, if its owner is alive then. */
  after(delay: number, owner: Process, run: () => void, isNetworks = false): Task {
    return this.at(this.now + delay, owner, run, isNetworks)
  }

  /** Does something at a moment; of several at the same one, in the order in which it was told. */
  at(moment: number, owner: Process, run: () => void, isNetworks = false): Task {
    const task = { at: moment, order: this.#order++, owner, run, isNetworks, isCancelled: false }
    this.#push(task)
    return task
  }

  /** Does something soon, after what the owner was to do soon before. */
  soon(owner: Process, run: () => void): Task {
    owner.immediateAt = Math.max(owner.immediateAt, this.now + this.random() * 0.05)
    return this.at(owner.immediateAt, owner, run)
  }

  /** Resolves after so many milliseconds, in the owner's time. */
  wait(delay: number, owner: Process): Promise<void> {
    return new Promise((resolve) => {
      this.after(delay, owner, resolve)
    })
  }

  /** What living processes still have to do. */
  pending(): Task[] {
    return this.#heap.filter((task) => !task.isCancelled && task.owner.isAlive)
  }

  /** Does what is due until something is so, or some time has passed, or nothing is left to do. */
  run(isOver: () => boolean, maxMs: number): Promise<'over' | 'late' | 'idle'> {
    const deadline = this.now + maxMs
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (isOver()) return resolve('over')
          const task = this.#next()
          if (!task) return resolve('idle')
          if (task.at > deadline) {
            this.#push(task)
            this.now = deadline
            return resolve('late')
          }
          this.now = Math.max(this.now, task.at)
          this.current = task.owner
          if (++this.taskCount > maxTasks) throw new Error(`There is no end to it: ${maxTasks} tasks were done.`)
          task.run()
        } catch (error) {
          return reject(error)
        }
        // A microtask asks for the next tick, and that comes when all microtasks are done.
        queueMicrotask(() => process.nextTick(step))
      }
      process.nextTick(step)
    })
  }

  #next(): Task | undefined {
    for (;;) {
      const task = this.#pop()
      if (!task || (!task.isCancelled && task.owner.isAlive)) return task
    }
  }

  #push(task: Task): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(task, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = task
  }

  #pop(): Task | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || first === last) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Browser, Page } from 'puppeteer-core'

/** Whether this system says what its processes do, in `/proc`. */
export const knowsProcesses = existsSync('/proc/self/stat')

/** The process of a browser that runs a page: the one that works while the page's script does. */
export async function processOfPage(browser: Browser, page: Page): Promise<number> {
  const before = processesBelow(browser.process()!.pid!)
  await page.evaluate('{ const end = Date.now() + 500; while (Date.now() < end); }')
  const worked = [...processesBelow(browser.process()!.pid!)].map(([pid, ticks]) => ({
    pid,
    ticks: ticks - (before.get(pid) ?? 0),
  }))
  return worked.sort((one, other) => other.ticks - one.ticks)[0]!.pid
}

/** The time that each process below another has spent, in ticks of the system. */
function processesBelow(root: number): Map<number, number> {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        // After the name, which may have spaces: state, parent, … the 12th is the time in the program.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) }]
      } catch {
        // It has just ended.
        return []
      }
    })
  const below = new Map<number, number>()
  const add = (parent: number) => {
    for (const each of all) {
      if (each.parent !== parent) continue
      below.set(each.pid, each.ticks)
      add(each.pid)
    }
  }
  add(root)
  return below
}

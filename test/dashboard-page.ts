import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'puppeteer-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Waits for something to be true in the page. */
export function waitFor(page: Page, condition: string): Promise<unknown> {
  return page.waitForFunction(condition, { timeout: 100_000, polling: 50 })
}

/** Waits until the page says this of its connection. */
export function untilConnection(page: Page, text: string): Promise<unknown> {
  return waitFor(page, `document.getElementById('connection-text')?.textContent === ${JSON.stringify(text)}`)
}

/** The texts of elements, in their order. */
export function texts(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(selector, (elements) => elements.map((element) => element.textContent ?? ''))
}

/** The data of the events that are listed, the oldest first. */
export async function listed(page: Page): Promise<string[]> {
  return (await texts(page, '.events .rows .preview')).reverse()
}

export function untilListed(page: Page, count: number): Promise<unknown> {
  return waitFor(page, `document.querySelectorAll('.events .rows .preview').length === ${count}`)
}

/** Clicks the first button or link with this text, as a person finds it. */
export async function click(page: Page, text: string): Promise<void> {
  const found = `[...document.querySelectorAll('button, a, summary')].find((each) => each.textContent.trim() === ${JSON.stringify(text)} && !each.disabled)`
  await waitFor(page, found)
  await page.evaluate(`${found}.click()`)
}

/** What axe finds wrong with the page as it is now. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return (await page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as {
        axe: {
          run(): Promise<{
            violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[]
          }>
        }
      }
    ).axe.run()
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)}: ${failureSummary}`),
    )
  })) as string[]
}

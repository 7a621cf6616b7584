/** Whether this page was built to run without a hub, its lessons played by a service worker. */
export const isStatic = import.meta.env.MODE === 'static'

/** Where the page and its lessons are. */
export const here = new URL('.', location.href)

/**
 * The same server under its other name. `localhost` and `127.0.0.1` are two origins, and two sites.
 * `undefined` where there is no other name.
 */
export const otherOrigin: URL | undefined = otherNameOf(here)

function otherNameOf(url: URL): URL | undefined {
  const other = new URL(url)
  if (isStatic || !['localhost', '127.0.0.1'].includes(url.hostname)) return undefined
  other.hostname = url.hostname === 'localhost' ? '127.0.0.1' : 'localhost'
  return other
}

/** The URL of a lesson's stream for one client of a run. */
export function streamUrl(init: {
  readonly stream: string
  readonly run: string
  readonly client: string
  readonly choice?: string | undefined
  readonly base?: URL | undefined
}): string {
  const url = new URL(`streams/${init.stream}`, init.base ?? here)
  url.search = String(
    new URLSearchParams({ run: init.run, client: init.client, ...(init.choice && { choice: init.choice }) }),
  )
  return url.href
}

export function logUrl(run: string): string {
  return new URL(`log?run=${run}`, here).href
}

/** The hub itself, beside this page. */
export function hubUrl(): URL {
  const path = document.querySelector<HTMLMetaElement>('meta[name=hub]')?.content ?? '.well-known/mercure'
  return new URL(`../${path}`, here)
}

/** A name for a run that nobody else uses. */
export function newRun(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Resolves when lessons can be played: at once with a hub. */
export async function untilReady(): Promise<void> {
  if (!isStatic) return
  if (!('serviceWorker' in navigator)) throw new Error('This browser has no service workers here.')
  await navigator.serviceWorker.register('service-worker.js')
  if (navigator.serviceWorker.controller) return
  await new Promise<void>((resolve) => {
    navigator.serviceWorker.addEventListener('controllerchange', () => resolve(), { once: true })
  })
}

import { afterEach, describe, expect, it, vi } from 'vitest'
import { pageReturn } from '../../src/client/index.ts'
import { EventLog } from './event-log.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from './scripted-fetch.ts'

/** A page: `globalThis` is the window, which gets all three events, `visibilitychange` from the document. */
function openPage() {
  const window = new EventTarget()
  const document = { baseURI: 'http://page.test/', hidden: false }
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('document', document)
  const becomeHidden = (hidden: boolean) => {
    document.hidden = hidden
    window.dispatchEvent(new Event('visibilitychange'))
  }
  return {
    online: () => window.dispatchEvent(new Event('online')),
    show: (persisted: boolean) => window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted })),
    hide: () => becomeHidden(true),
    unhide: () => becomeHidden(false),
  }
}

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('pageReturn', () => {
  it('makes an open connection again at once, with an error event that says why', async () => {
    stopClock()
    const page = openPage()
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn: pageReturn }).count(1)
    page.online()
    await advance(0)
    expect(log.lines).toEqual(['open @1', 'error @0', 'open @1'])
    expect(log.errors[0]).toMatchObject({ code: 'RECONNECT', willRetry: true, retryDelayMs: 0 })
    expect(calls[0]!.init.signal.aborted).toBe(true)
  })

  it('cuts a wait short, without an event', async () => {
    stopClock()
    const page = openPage()
    const { fetch } = scriptedFetch(new Error('no network'), () => openBody().response)
    const log = new EventLog('http://a.test/', { fetch, reconnectOn: pageReturn })
    await advance(1000)
    page.unhide()
    await settle()
    expect(log.lines).toEqual(['error @0', 'open @1'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('cuts a wait short even if the stream spoke just before it was lost', async () => {
    stopClock()
    const page = openPage()
    const body = openBody()
    const { fetch } = scriptedFetch(body.response, () => openBody().response)
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn: pageReturn }).count(1)
    body.write(':\n')
    body.end()
    await settle()
    page.unhide()
    await settle()
    expect(log.lines).toEqual(['open @1', 'error @0', 'open @1'])
  })

  it('leaves an attempt that is under way alone', async () => {
    const page = openPage()
    const body = openBody()
    let answer!: (response: Response) => void
    const log = new EventLog('http://a.test/', {
      fetch: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
      reconnectOn: pageReturn,
    })
    await settle()
    page.online()
    page.show(true)
    page.unhide()
    answer(body.response)
    await log.count(1)
    expect(log.lines).toEqual(['open @1'])
  })

  it('takes one return that shows in three events for one', async () => {
    stopClock()
    const page = openPage()
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn: pageReturn }).count(1)
    page.show(true)
    page.unhide()
    page.online()
    await advance(0)
    expect([log.lines, calls.length]).toEqual([['open @1', 'error @0', 'open @1'], 2])
  })

  it('leaves a hidden page connected', async () => {
    const page = openPage()
    const log = await new EventLog('http://a.test/', {
      ...scriptedFetch(openBody().response),
      reconnectOn: pageReturn,
    }).count(1)
    page.hide()
    await settle()
    expect(log.lines).toEqual(['open @1'])
  })

  it('takes the pageshow of an ordinary load for nothing', async () => {
    const page = openPage()
    const log = await new EventLog('http://a.test/', {
      ...scriptedFetch(openBody().response),
      reconnectOn: pageReturn,
    }).count(1)
    page.show(false)
    await settle()
    expect(log.lines).toEqual(['open @1'])
  })

  it('leaves a stream alone that spoke in the last 30 seconds when the page becomes visible', async () => {
    stopClock()
    const page = openPage()
    const body = openBody()
    const log = await new EventLog('http://a.test/', {
      ...scriptedFetch(body.response),
      reconnectOn: pageReturn,
    }).count(1)
    await advance(20_000)
    body.write(':\n')
    await advance(20_000)
    page.unhide()
    await settle()
    expect(log.lines).toEqual(['open @1'])
    // A suspended page: the wall clock went on, the timers did not.
    vi.setSystemTime(Date.now() + 3_600_000)
    page.unhide()
    await settle()
    expect(log.lines).toEqual(['open @1', 'error @0'])
    expect(log.errors[0]!.code).toBe('RECONNECT')
  })

  it('listens no longer once closed', async () => {
    const page = openPage()
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn: pageReturn }).count(1)
    log.source.close()
    page.online()
    await settle()
    expect([log.lines, calls.length]).toEqual([['open @1'], 1])
  })

  it('does nothing where there is neither window nor document', async () => {
    const log = await new EventLog('http://a.test/', {
      ...scriptedFetch(openBody().response),
      reconnectOn: pageReturn,
    }).count(1)
    expect(log.lines).toEqual(['open @1'])
  })
})

describe('reconnectOn', () => {
  it('may be a function of your own, which is called once and told when the connection is closed', async () => {
    stopClock()
    const { fetch } = scriptedFetch(() => openBody().response)
    const reconnectOn = vi.fn()
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn }).count(1)
    const [reconnect, signal] = reconnectOn.mock.calls[0]!
    reconnect(1000)
    await advance(1000)
    expect(log.lines).toEqual(['open @1'])
    reconnect(1000)
    await advance(0)
    expect(log.lines).toEqual(['open @1', 'error @0', 'open @1'])
    expect([reconnectOn.mock.calls.length, signal.aborted]).toEqual([1, false])
    log.source.close()
    expect(signal.aborted).toBe(true)
    reconnect()
    await settle()
    expect(log.lines).toHaveLength(3)
  })
})

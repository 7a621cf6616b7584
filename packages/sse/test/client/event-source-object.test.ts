import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConnectionErrorEvent, EventSource } from '../../src/client/index.ts'
import { EventLog } from './event-log.ts'
import { openBody, scriptedFetch, settle } from './scripted-fetch.ts'
import { catchUncaught } from './uncaught.ts'

const never = { fetch: () => new Promise<Response>(() => {}) }

function create(url: unknown = 'http://a.test/', options: unknown = never): EventSource {
  return new EventSource(url as string, options as object)
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the interface', () => {
  it('has its constants on the class and on the prototype, enumerable and read-only', () => {
    for (const target of [EventSource, EventSource.prototype])
      for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSED'].entries())
        expect(Object.getOwnPropertyDescriptor(target, name)).toEqual({
          value,
          enumerable: true,
          writable: false,
          configurable: false,
        })
  })

  it('has its members on the prototype, enumerable, in the order of the standard', () => {
    expect(Object.keys(EventSource.prototype)).toEqual([
      'url',
      'withCredentials',
      'readyState',
      'onopen',
      'onmessage',
      'onerror',
      'close',
      'CONNECTING',
      'OPEN',
      'CLOSED',
    ])
    expect(Object.keys(create())).toEqual([])
  })

  it('has accessors that are named as Web IDL names them, and without setters where the attribute is read-only', () => {
    for (const name of ['url', 'withCredentials', 'readyState']) {
      const { get, set } = Object.getOwnPropertyDescriptor(EventSource.prototype, name)!
      expect([get?.name, set]).toEqual([`get ${name}`, undefined])
    }
    for (const name of ['onopen', 'onmessage', 'onerror']) {
      const { get, set } = Object.getOwnPropertyDescriptor(EventSource.prototype, name)!
      expect([get?.name, set?.name]).toEqual([`get ${name}`, `set ${name}`])
    }
  })

  it('is called EventSource, takes one argument at least, and says so in its string', () => {
    expect(EventSource.name).toBe('EventSource')
    expect(EventSource.length).toBe(1)
    expect(Object.prototype.toString.call(create())).toBe('[object EventSource]')
    expect(Object.getOwnPropertyDescriptor(EventSource.prototype, Symbol.toStringTag)).toEqual({
      value: 'EventSource',
      enumerable: false,
      writable: false,
      configurable: true,
    })
    expect(create()).toBeInstanceOf(EventTarget)
  })

  it('throws a TypeError without arguments, or without new', () => {
    expect(() => Reflect.construct(EventSource, [])).toThrow(TypeError)
    expect(() => Reflect.apply(EventSource as never, undefined, ['http://a.test/'])).toThrow(TypeError)
  })

  it('refuses to read its attributes from another object', () => {
    for (const name of ['url', 'withCredentials', 'readyState', 'onmessage'])
      expect(() => Reflect.get(EventSource.prototype, name, {})).toThrow(TypeError)
  })

  it('can be subclassed', () => {
    class Mine extends EventSource {}
    const mine = new Mine('http://a.test/', never)
    expect(mine.readyState).toBe(EventSource.CONNECTING)
    expect(Mine.OPEN).toBe(1)
  })
})

describe('the URL', () => {
  it('is converted to a string, whatever it is', () => {
    expect(create(new URL('http://a.test/x')).url).toBe('http://a.test/x')
    expect(create({ toString: () => 'http://a.test/y' }).url).toBe('http://a.test/y')
    expect(() => create(Symbol('url'))).toThrow(TypeError)
  })

  it('has each lone surrogate replaced', () => {
    expect(create('http://a.test/\uD800').url).toBe('http://a.test/%EF%BF%BD')
  })

  it('keeps its fragment', () => {
    expect(create('http://a.test/x#y').url).toBe('http://a.test/x#y')
  })

  it('throws a SyntaxError of the runtime if it is none', () => {
    for (const url of ['http://[', 'relative', '', undefined]) {
      const error = catchError(() => new EventSource(url as string))
      expect(error).toBeInstanceOf(DOMException)
      expect((error as DOMException).name).toBe('SyntaxError')
      expect((error as DOMException).message).toContain(`${url}`)
    }
  })

  it('is relative to the base URL of the document', () => {
    vi.stubGlobal('document', { baseURI: 'http://page.test/dir/page' })
    vi.stubGlobal('location', { href: 'http://other.test/' })
    expect(create('../events?a').url).toBe('http://page.test/events?a')
  })

  it('is relative to the location of a worker', () => {
    vi.stubGlobal('location', { href: 'http://worker.test/dir/worker.js' })
    expect(create('events').url).toBe('http://worker.test/dir/events')
  })
})

describe('the options', () => {
  it('may be left out, undefined, null or any object', () => {
    vi.stubGlobal('fetch', never.fetch)
    expect(new EventSource('http://a.test/').withCredentials).toBe(false)
    for (const options of [undefined, null, {}, [], () => {}]) expect(create('http://a.test/', options)).toBeDefined()
  })

  it('throw a TypeError if they are a primitive value', () => {
    for (const options of [1, 'a', true, 0n, '', false])
      expect(() => create('http://a.test/', options)).toThrow(TypeError)
  })

  it('take withCredentials as a truth value', () => {
    for (const [given, value] of [
      [true, true],
      ['no', true],
      [0, false],
      [undefined, false],
      [null, false],
    ])
      expect(create('http://a.test/', { ...never, withCredentials: given }).withCredentials).toBe(value)
  })

  it('are read once each in alphabetical order, after the URL was converted and before it is parsed', () => {
    const read: string[] = []
    const options = new Proxy({}, { get: (_, name) => void read.push(String(name)) })
    expect(() =>
      create(
        {
          toString() {
            read.push('url')
            return 'http://['
          },
        },
        options,
      ),
    ).toThrow(DOMException)
    expect(read[0]).toBe('url')
    expect(read.slice(1)).toEqual([...new Set(read.slice(1))].sort())
    expect(read).toContain('withCredentials')
  })
})

describe('handler attributes', () => {
  it('are null at first, and after anything that is no object', () => {
    const source = create()
    for (const name of ['onopen', 'onmessage', 'onerror'] as const) {
      expect(source[name]).toBeNull()
      source[name] = () => {}
      source[name] = 'alert()' as never
      expect(source[name]).toBeNull()
    }
  })

  it('give back the object they were given, callable or not', () => {
    const source = create()
    const object = { handleEvent() {} }
    source.onmessage = object as never
    expect(source.onmessage).toBe(object)
  })

  it('run in the place where the first one was set, when replaced', async () => {
    const { source, dispatch } = await opened()
    const order: string[] = []
    source.addEventListener('message', () => order.push('before'))
    source.onmessage = () => order.push('replaced')
    source.addEventListener('message', () => order.push('after'))
    source.onmessage = () => order.push('handler')
    await dispatch()
    expect(order).toEqual(['before', 'handler', 'after'])
  })

  it('lose their place when set to null', async () => {
    const { source, dispatch } = await opened()
    const order: string[] = []
    source.onmessage = () => order.push('handler')
    source.addEventListener('message', () => order.push('listener'))
    source.onmessage = null
    source.onmessage = () => order.push('handler')
    await dispatch()
    expect(order).toEqual(['listener', 'handler'])
  })

  it('are called with the object as this, even while another listener looks at them', async () => {
    const { source, dispatch } = await opened()
    const seen: unknown[] = []
    const handler = function (this: unknown) {
      seen.push(this)
    }
    source.addEventListener('message', () => seen.push(source.onmessage))
    source.onmessage = handler
    await dispatch()
    expect(seen).toEqual([handler, source])
  })

  it('do nothing if they are an object that cannot be called', async () => {
    const { source, dispatch } = await opened()
    const handleEvent = vi.fn()
    const last = vi.fn()
    source.onmessage = { handleEvent } as never
    source.addEventListener('message', last)
    await dispatch()
    expect(handleEvent).not.toHaveBeenCalled()
    expect(last).toHaveBeenCalledOnce()
  })
})

describe('listeners', () => {
  it('may be objects with handleEvent', async () => {
    const { source, dispatch } = await opened()
    const listener = { handleEvent: vi.fn() }
    source.addEventListener('message', listener)
    await dispatch()
    expect(listener.handleEvent).toHaveBeenCalledOnce()
  })

  it('that throw are reported to the host, and stop neither the next listener nor the stream', async () => {
    const reported = catchUncaught()
    const { source, dispatch } = await opened()
    const second = vi.fn()
    source.addEventListener('message', () => {
      throw new Error('from a listener')
    })
    source.onmessage = () => {
      throw new Error('from a handler')
    }
    source.addEventListener('message', second)
    await dispatch()
    await dispatch()
    expect(second).toHaveBeenCalledTimes(2)
    expect(reported.map((error) => error.message)).toEqual([
      'from a listener',
      'from a handler',
      'from a listener',
      'from a handler',
    ])
  })
})

describe('workerd', () => {
  it('finds no handler when it looks for one to call by itself', async () => {
    const { source, dispatch } = await opened()
    const found: unknown[] = []
    const handler = vi.fn()
    source.onmessage = handler
    source.dispatchEvent = (event) => {
      found.push(source[`on${event.type}` as 'onmessage'])
      return EventTarget.prototype.dispatchEvent.call(source, event)
    }
    await dispatch()
    expect(found).toEqual([null])
    expect(handler).toHaveBeenCalledOnce()
    expect(source.onmessage).toBe(handler)
  })

  it('before spec_compliant_dispatch_exceptions lets errors out of dispatchEvent: they are reported, the stream goes on', async () => {
    const reportError = vi.fn()
    vi.stubGlobal('reportError', reportError)
    const { source, dispatch } = await opened()
    const failure = new Error('from a listener')
    source.dispatchEvent = (event) => {
      EventTarget.prototype.dispatchEvent.call(source, event)
      throw failure
    }
    await dispatch()
    await dispatch()
    expect(reportError.mock.calls).toEqual([[failure], [failure]])
  })
})

describe('events', () => {
  it('are MessageEvents with data, origin and lastEventId, and trusted where that can be had', async () => {
    const body = openBody()
    const log = new EventLog('http://a.test/path', scriptedFetch(body.response), ['tick'])
    body.write('event: tick\nid: 7\ndata: a\ndata: b\n\n')
    await log.count(2)
    const event = log.messages[0]!
    expect(event).toBeInstanceOf(MessageEvent)
    expect(event).toMatchObject({
      type: 'tick',
      data: 'a\nb',
      origin: 'http://a.test',
      lastEventId: '7',
      source: null,
      bubbles: false,
      cancelable: false,
      isTrusted: true,
    })
    expect(event.target).toBe(log.source)
  })

  it('named open or error are MessageEvents that change no state', async () => {
    const body = openBody()
    const log = new EventLog('http://a.test/', scriptedFetch(body.response))
    body.write('event: open\ndata: 1\n\nevent: error\ndata: 2\n\n')
    await log.count(3)
    expect(log.lines).toEqual(['open @1', 'open 1 # @1', 'error 2 # @1'])
  })

  it('with a type of their own are no message', async () => {
    const body = openBody()
    const log = new EventLog('http://a.test/', scriptedFetch(body.response), ['tick'])
    body.write('event: tick\ndata: 1\n\nevent: Message\ndata: 2\n\ndata: 3\n\n')
    await log.count(3)
    expect(log.lines).toEqual(['open @1', 'tick 1 # @1', 'message 3 # @1'])
  })

  it('are dispatched in tasks of their own: all that a listener awaits without waiting is done before the next', async () => {
    const body = openBody()
    const order: string[] = []
    const { fetch } = scriptedFetch(body.response)
    const source = new EventSource('http://a.test/', { fetch })
    const chain = async (name: string) => {
      for (let turn = 0; turn < 50; turn++) await undefined
      order.push(`after ${name}`)
    }
    source.onopen = () => {
      order.push('open')
      void chain('open')
    }
    source.onmessage = ({ data }) => {
      order.push(data)
      void chain(data)
    }
    source.onerror = () => {
      order.push('error')
      source.close()
    }
    body.write('data: 1\n\ndata: 2\n\n')
    body.write('data: 3\n\n')
    body.end()
    await settle()
    expect(order).toEqual(['open', 'after open', '1', 'after 1', '2', 'after 2', '3', 'after 3', 'error'])
  })

  it('of error say what happened and what follows', async () => {
    const answer = new Response('{"reason":"tired"}', { status: 503, headers: { 'x-reason': 'tired' } })
    const log = await new EventLog('http://a.test/', scriptedFetch(answer)).closed()
    expect(log.events).toHaveLength(1)
    const event = log.errors[0]!
    expect(event).toBeInstanceOf(ConnectionErrorEvent)
    expect(event).toBeInstanceOf(Event)
    expect(event.type).toBe('error')
    expect(event).toMatchObject({
      code: 'UNEXPECTED_RESPONSE',
      status: 503,
      body: '{"reason":"tired"}',
      willRetry: false,
      retryDelayMs: 0,
    })
    expect(event.message).toContain('503')
    expect(event.headers?.get('x-reason')).toBe('tired')
  })
})

describe('close()', () => {
  it('stops the later events of the same chunk, and everything after', async () => {
    const body = openBody()
    const log = new EventLog('http://a.test/', scriptedFetch(body.response))
    log.source.onmessage = () => log.source.close()
    body.write('data: 1\n\ndata: 2\n\n')
    await log.count(2)
    await settle()
    expect(log.lines).toEqual(['open @1', 'message 1 # @1'])
    expect(log.source.readyState).toBe(2)
    expect(body.cancelled).toBe(true)
  })

  it('right after construction leaves nothing to connect', async () => {
    const { fetch, calls } = scriptedFetch(new Error('unreachable'))
    const log = new EventLog('http://a.test/', { fetch })
    expect(log.source.readyState).toBe(0)
    log.source.close()
    expect(log.source.readyState).toBe(2)
    await settle()
    expect([calls.length, log.lines]).toEqual([0, []])
  })

  it('while connecting gives the request up without an event', async () => {
    const calls: AbortSignal[] = []
    const log = new EventLog('http://a.test/', {
      fetch: (_, { signal }) => {
        calls.push(signal!)
        return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
      },
    })
    await settle()
    log.source.close()
    await settle()
    expect(calls.map((signal) => signal.aborted)).toEqual([true])
    expect(log.lines).toEqual([])
  })

  it('while connecting releases the response that a deaf fetch brings all the same', async () => {
    const body = openBody()
    let answer!: (response: Response) => void
    const log = new EventLog('http://a.test/', {
      fetch: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    })
    await settle()
    log.source.close()
    answer(body.response)
    await settle()
    expect([log.lines, body.cancelled]).toEqual([[], true])
  })

  it('in onopen leaves no event', async () => {
    const body = openBody()
    const log = new EventLog('http://a.test/', scriptedFetch(body.response))
    log.source.onopen = () => log.source.close()
    body.write('data: 1\n\n')
    await settle()
    expect(log.lines).toEqual(['open @1'])
    expect(body.cancelled).toBe(true)
  })

  it('in onerror leaves no reconnect, and no timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { fetch, calls } = scriptedFetch(new Error('no network'))
    const log = new EventLog('http://a.test/', { fetch })
    log.source.onerror = () => log.source.close()
    await settle()
    expect(log.lines).toEqual(['error @0'])
    expect([calls.length, vi.getTimerCount()]).toEqual([1, 0])
    vi.useRealTimers()
  })

  it('while waiting to reconnect leaves no timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const log = new EventLog('http://a.test/', scriptedFetch(new Error('no network')))
    await settle()
    expect([log.lines, vi.getTimerCount()]).toEqual([['error @0'], 1])
    log.source.close()
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  it('twice is once, and gives back undefined', () => {
    const source = create()
    expect([source.close(), source.close(), source.readyState]).toEqual([undefined, undefined, 2])
  })
})

/** An open EventSource, and a way to send it one event. */
async function opened() {
  const body = openBody()
  const log = new EventLog('http://a.test/', scriptedFetch(body.response))
  await log.count(1)
  return {
    source: log.source,
    dispatch: async () => {
      const before = log.events.length
      body.write('data: x\n\n')
      await log.count(before + 1)
      await settle()
    },
  }
}

function catchError(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

import type { ConformanceCase } from './harness/conformance-case.ts'
import { ending, stream } from './harness/responses.ts'

const CONNECTING = 0
const OPEN = 1
const CLOSED = 2

/** The numbered lines 12 to 14: the object itself. */
export const objectCases: ConformanceCase[] = [
  ...[['CONNECTING', CONNECTING] as const, ['OPEN', OPEN] as const, ['CLOSED', CLOSED] as const].map(
    ([name, value]): ConformanceCase => ({
      name: `has the constant ${name} = ${value} on class and prototype, enumerable and read-only`,
      line: '12',
      run(t) {
        const expected = { value, writable: false, enumerable: true, configurable: false }
        t.deepEqual(Object.getOwnPropertyDescriptor(t.EventSource, name), expected, `EventSource.${name}`)
        t.deepEqual(Object.getOwnPropertyDescriptor(t.EventSource.prototype, name), expected, `prototype.${name}`)
      },
    }),
  ),
  ...['url', 'withCredentials', 'readyState', 'onopen', 'onmessage', 'onerror'].map(
    (name): ConformanceCase => ({
      name: `has ${name} as an enumerable, configurable accessor of the prototype${name.startsWith('on') ? '' : ', read-only'}`,
      line: '12',
      run(t) {
        const { get, set, ...rest } = Object.getOwnPropertyDescriptor(t.EventSource.prototype, name) ?? {}
        t.deepEqual(rest, { enumerable: true, configurable: true }, `descriptor of ${name}`)
        t.equal(typeof get, 'function', `getter of ${name}`)
        t.equal(typeof set, name.startsWith('on') ? 'function' : 'undefined', `setter of ${name}`)
      },
    }),
  ),
  {
    name: 'has close() as an enumerable, writable method of the prototype without parameters',
    line: '12',
    run(t) {
      const { value, ...rest } = Object.getOwnPropertyDescriptor(t.EventSource.prototype, 'close') ?? {}
      t.deepEqual(rest, { writable: true, enumerable: true, configurable: true }, 'descriptor of close')
      t.equal((value as () => void).length, 0, 'close.length')
    },
  },
  {
    name: 'has no other property on the prototype',
    line: '12',
    run(t) {
      const names = Object.getOwnPropertyNames(t.EventSource.prototype).sort()
      t.deepEqual(
        names,
        [
          'CLOSED',
          'CONNECTING',
          'OPEN',
          'close',
          'constructor',
          'onerror',
          'onmessage',
          'onopen',
          'readyState',
          'url',
          'withCredentials',
        ],
        'properties',
      )
    },
  },
  {
    name: 'has no own property on an instance, whatever symbols its host may keep there',
    line: '12',
    run(t) {
      const source = new t.EventSource(t.origins.same)
      source.close()
      t.deepEqual(Object.getOwnPropertyNames(source), [], 'own property names')
    },
  },
  {
    name: 'has the toStringTag EventSource',
    line: '12',
    run(t) {
      const source = new t.EventSource(t.origins.same)
      source.close()
      t.equal(String(source), '[object EventSource]', 'String(source)')
      t.deepEqual(
        Object.getOwnPropertyDescriptor(t.EventSource.prototype, Symbol.toStringTag),
        { value: 'EventSource', writable: false, enumerable: false, configurable: true },
        'descriptor',
      )
    },
  },
  {
    name: 'is an EventTarget called EventSource, with one required parameter',
    line: '12',
    run(t) {
      const source = new t.EventSource(t.origins.same)
      source.close()
      t.equal(source instanceof EventTarget, true, 'source instanceof EventTarget')
      t.equal(Object.getPrototypeOf(t.EventSource.prototype), EventTarget.prototype, 'prototype of the prototype')
      t.equal(Object.getPrototypeOf(t.EventSource), EventTarget, 'prototype of the class')
      t.equal(t.EventSource.name, 'EventSource', 'name')
      t.equal(t.EventSource.length, 1, 'length')
    },
  },
  {
    name: 'throws a TypeError from new EventSource() and from a call without new',
    line: '12',
    run(t) {
      t.throws(() => Reflect.construct(t.EventSource, []), 'TypeError', 'new EventSource()')
      t.throws(
        () => (t.EventSource as unknown as (url: string) => void)(t.origins.same),
        'TypeError',
        'EventSource(url)',
      )
    },
  },
  {
    name: 'converts the URL as WebIDL does: undefined becomes "undefined", a Symbol throws, toString’s error goes through',
    line: '12',
    run(t) {
      const construct = (url: unknown) => {
        const source = new t.EventSource(url as string)
        source.close()
        return source.url
      }
      t.throws(() => construct(Symbol('url')), 'TypeError', 'a Symbol')
      const failing = {
        toString() {
          throw new RangeError('from toString')
        },
      }
      t.throws(() => construct(failing), 'RangeError', 'a failing toString')
    },
  },
  {
    name: 'takes undefined, null and any object as options, and throws a TypeError for other values',
    line: '12',
    run(t) {
      const construct = (options: unknown) => {
        const source = new t.EventSource(t.origins.same, options as EventSourceInit)
        source.close()
        return source.withCredentials
      }
      t.equal(construct(undefined), false, 'undefined')
      t.equal(construct(null), false, 'null')
      t.equal(
        construct(() => {}),
        false,
        'a function',
      )
      t.equal(construct(Object.create({ withCredentials: true })), true, 'an inherited option')
      for (const options of [1, 'withCredentials', true]) {
        t.throws(() => construct(options), 'TypeError', `options ${JSON.stringify(options)}`)
      }
    },
  },
  {
    name: 'converts withCredentials to a boolean, and lets the error of its getter through',
    line: '12',
    run(t) {
      const construct = (options: unknown) => {
        const source = new t.EventSource(t.origins.same, options as EventSourceInit)
        source.close()
        return source.withCredentials
      }
      for (const truthy of ['no', 1, {}, []]) {
        t.equal(construct({ withCredentials: truthy }), true, `withCredentials: ${JSON.stringify(truthy)}`)
      }
      for (const falsy of ['', 0, null, undefined]) {
        t.equal(construct({ withCredentials: falsy }), false, `withCredentials: ${JSON.stringify(falsy)}`)
      }
      const failing = {
        get withCredentials() {
          throw new RangeError('from the getter')
        },
      }
      t.throws(() => construct(failing), 'RangeError', 'a failing getter')
    },
  },
  {
    name: 'throws a TypeError when readyState, url or withCredentials is assigned in strict mode, and changes nothing',
    line: '12',
    run(t) {
      const source = new t.EventSource(t.origins.same) as EventSource & Record<string, unknown>
      source.close()
      for (const name of ['readyState', 'url', 'withCredentials', 'CLOSED']) {
        const before = source[name]
        t.throws(
          () => {
            source[name] = 'changed'
          },
          'TypeError',
          `source.${name} = 'changed'`,
        )
        t.equal(source[name], before, `${name} after that`)
      }
    },
  },
  {
    name: 'throws a TypeError when an accessor or close() is used on something else',
    line: '12',
    run(t) {
      for (const name of ['url', 'withCredentials', 'readyState', 'onmessage'] as const) {
        t.throws(() => Reflect.get(t.EventSource.prototype, name, {}), 'TypeError', `${name} of {}`)
      }
      t.throws(() => t.EventSource.prototype.close.call({} as EventSource), 'TypeError', 'close() of {}')
    },
  },
  {
    name: 'can be extended',
    line: '12',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n'))
      class Counting extends t.EventSource {
        count = 0
      }
      const source = new Counting(served.url)
      t.atEnd(() => source.close())
      await new Promise<void>((resolve) => {
        source.onmessage = () => {
          source.count++
          resolve()
        }
      })
      t.equal(source.count, 1, 'count')
      t.equal(source instanceof t.EventSource, true, 'source instanceof EventSource')
    },
  },
  {
    name: 'has null handlers at first, gives back what was set, and turns a value that is no object into null',
    line: '12',
    run(t) {
      const source = new t.EventSource(t.origins.same)
      source.close()
      for (const name of ['onopen', 'onmessage', 'onerror'] as const) {
        t.equal(source[name], null, `${name} at first`)
        const handler = () => {}
        source[name] = handler
        t.equal(source[name], handler, `${name} once set`)
        for (const value of ['text', 1, true, undefined, null]) {
          source[name] = handler
          source[name] = value as unknown as null
          t.equal(source[name], null, `${name} = ${JSON.stringify(value)}`)
        }
      }
    },
  },
  {
    name: 'does not call a handler that is an object, even one with handleEvent',
    line: '12',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n'))
      const source = t.watch(served.url)
      let called = false
      source.source.onmessage = {
        handleEvent() {
          called = true
        },
      } as unknown as () => void
      await source.next('open')
      await source.next('message')
      await t.whileAnotherReconnects(1)
      t.equal(called, false, 'handleEvent called')
    },
  },
  {
    name: 'keeps the place of a handler among the listeners when it is replaced, and gives a new place after null',
    line: '12',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n', { wait: '1 seen' }, 'data: 2\n\n'))
      const source = new t.EventSource(served.url)
      t.atEnd(() => source.close())
      const called: string[] = []
      const next = () =>
        new Promise<void>((resolve) => source.addEventListener('message', () => resolve(), { once: true }))
      source.addEventListener('message', () => called.push('first listener'))
      source.onmessage = () => called.push('handler to be replaced')
      source.addEventListener('message', () => called.push('second listener'))
      source.onmessage = () => called.push('handler')
      await next()
      t.deepEqual(called.splice(0), ['first listener', 'handler', 'second listener'], 'calls after replacing it')
      source.onmessage = null
      source.onmessage = () => called.push('handler')
      const second = next()
      await served.signal('1 seen')
      await second
      t.deepEqual(called, ['first listener', 'second listener', 'handler'], 'calls after setting it to null and again')
    },
  },
  {
    name: 'calls handlers and listeners with the source as `this`, and objects by their handleEvent',
    line: '12',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n'))
      const source = new t.EventSource(served.url)
      t.atEnd(() => source.close())
      const called: [string, unknown][] = []
      const listener = {
        handleEvent() {
          called.push(['handleEvent', this])
        },
      }
      await new Promise<void>((resolve) => {
        source.onmessage = function () {
          called.push(['handler', this])
        }
        source.addEventListener('message', function () {
          called.push(['listener', this])
        })
        source.addEventListener('message', listener)
        source.addEventListener('message', () => resolve())
      })
      t.deepEqual(
        called.map(([who]) => who),
        ['handler', 'listener', 'handleEvent'],
        'calls',
      )
      t.equal(called[0]![1], source, 'this of the handler')
      t.equal(called[1]![1], source, 'this of the listener')
      t.equal(called[2]![1], listener, 'this of handleEvent')
    },
  },
  {
    name: 'honours once, signal, a listener added twice, and removeEventListener',
    line: '12',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\ndata: 2\n\nevent: done\ndata: .\n\n'))
      const source = t.watch(served.url, { types: ['done'] })
      const called: string[] = []
      const twice = () => called.push('added twice')
      const removed = () => called.push('removed')
      const aborted = new AbortController()
      source.source.addEventListener('message', () => called.push('once'), { once: true })
      source.source.addEventListener('message', () => called.push('aborted'), { signal: aborted.signal })
      source.source.addEventListener('message', twice)
      source.source.addEventListener('message', twice)
      source.source.addEventListener('message', removed)
      source.source.removeEventListener('message', removed)
      aborted.abort()
      await source.nextAfterOthers('done')
      t.deepEqual(called, ['once', 'added twice', 'added twice'], 'calls')
    },
  },
  {
    name: 'dispatches messages that neither bubble nor can be cancelled, without source and ports',
    line: '13',
    async run(t) {
      const served = await t.serve(stream('event: a\ndata: 1\n\n'))
      const source = t.watch(served.url, { types: ['a'] })
      await source.next('open')
      const {
        bubbles,
        cancelable,
        composed,
        source: from,
        ports,
        type,
      } = (await source.next('a')).event as MessageEvent
      t.deepEqual(
        { type, bubbles, cancelable, composed, from, ports: [...(ports ?? [])] },
        { type: 'a', bubbles: false, cancelable: false, composed: false, from: null, ports: [] },
        'properties of the event',
      )
    },
  },
  {
    name: 'dispatches open and error events that neither bubble nor can be cancelled',
    line: '13',
    async run(t) {
      const served = await t.serve(ending())
      const source = t.watch(served.url)
      for (const type of ['open', 'error']) {
        const { bubbles, cancelable, composed } = (await source.next(type)).event
        t.deepEqual({ bubbles, cancelable, composed }, { bubbles: false, cancelable: false, composed: false }, type)
      }
    },
  },
  {
    name: 'dispatches events as tasks of their own: what a handler leaves to microtasks runs before the next event',
    line: '13',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\ndata: 2\n\ndata: 3\n\n'))
      const order: string[] = []
      const prepare = (source: EventSource) =>
        source.addEventListener('message', async ({ data }) => {
          order.push(`event ${data}`)
          for (let i = 0; i < 20; i++) await undefined
          order.push(`microtasks of ${data}`)
        })
      const source = t.watch(served.url, { prepare })
      await source.next('open')
      for (let i = 0; i < 3; i++) await source.next('message')
      await t.whileAnotherReconnects(1)
      t.deepEqual(
        order,
        ['event 1', 'microtasks of 1', 'event 2', 'microtasks of 2', 'event 3', 'microtasks of 3'],
        'order',
      )
    },
  },
  {
    name: 'opens in a task of its own, after the constructor has returned and its microtasks have run',
    line: '13',
    async run(t) {
      const order: string[] = []
      const prepare = (source: EventSource) => source.addEventListener('error', () => order.push('error'))
      const source = t.watch('x-unknown:nothing', { prepare })
      for (let i = 0; i < 20; i++) await undefined
      order.push('microtasks')
      await source.next('error')
      t.deepEqual(order, ['microtasks', 'error'], 'order')
    },
  },
  {
    name: 'calls the other listeners when one throws, and the error reaches the host’s error reporting',
    line: '13',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\ndata: 2\n\n'))
      const source = new t.EventSource(served.url)
      t.atEnd(() => source.close())
      const called: string[] = []
      await new Promise<void>((resolve) => {
        source.addEventListener('message', () => {
          throw new Error(`listener ${served.token}`)
        })
        source.onmessage = ({ data }) => {
          called.push(data)
          if (data === '2') resolve()
          throw new Error(`handler ${served.token}`)
        }
      })
      t.deepEqual(called, ['1', '2'], 'calls')
      t.equal(source.readyState, OPEN, 'readyState')
      await t.uncaughtError(`listener ${served.token}`)
      await t.uncaughtError(`handler ${served.token}`)
    },
  },
  ...['open', 'error'].map(
    (type): ConformanceCase => ({
      name: `dispatches a server event named ${type} as a MessageEvent, to listeners and handler, without a change of state`,
      line: '13',
      async run(t) {
        const served = await t.serve(stream(`event: ${type}\ndata: from the server\nid: 1\n\ndata: after\n\n`))
        const source = t.watch(served.url)
        const handled: unknown[] = []
        source.source[`on${type as 'open' | 'error'}`] = (event) => handled.push((event as MessageEvent).data)
        await source.next('open')
        const seen = await source.next(type)
        t.equal(seen.event instanceof MessageEvent, true, 'is a MessageEvent')
        t.deepEqual(
          [seen.data, seen.lastEventId, seen.readyState],
          ['from the server', '1', OPEN],
          'data, lastEventId, readyState',
        )
        t.equal((await source.next('message')).data, 'after', 'data of the next event')
        t.equal(handled.at(-1), 'from the server', `data that on${type} was called with`)
      },
    }),
  ),
  {
    name: 'dispatches what a script dispatches, in any state',
    line: '13',
    run(t) {
      const source = new t.EventSource(t.origins.same)
      source.close()
      const called: string[] = []
      source.onmessage = ({ data }) => called.push(data)
      source.dispatchEvent(new MessageEvent('message', { data: 'synthetic' }))
      t.deepEqual(called, ['synthetic'], 'calls')
    },
  },
  {
    name: 'dispatches events that say isTrusted',
    line: '14',
    async run(t) {
      const served = await t.serve(stream('data: 1\n\n'))
      const source = t.watch(served.url)
      const events = [await source.next('open'), await source.next('message')]
      t.deepEqual(
        events.map(({ event }) => event.isTrusted),
        [true, true],
        'isTrusted of open and message',
      )
    },
  },
]

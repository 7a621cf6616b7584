// What a React Native app has beside Hermes: its own polyfills (whatwg-fetch, abort-controller), and small ones with
// the same limits where its own need a device. No Event, EventTarget, MessageEvent, DOMException or ReadableStream.
import { AbortController, AbortSignal } from 'abort-controller/dist/abort-controller.mjs'

globalThis.self = globalThis
globalThis.console = {
  log: (...values) => print(values.join(' ')),
  error: (...values) => print(values.join(' ')),
  assert() {},
}
// Its timers take undefined, as those of pages do; those of Hermes's own command line do not.
const { clearTimeout } = globalThis
globalThis.clearTimeout = (timer) => timer !== undefined && clearTimeout(timer)
globalThis.queueMicrotask ??= (task) => void Promise.resolve().then(task)
globalThis.performance ??= { now: () => Date.now() }
globalThis.AbortController = AbortController
globalThis.AbortSignal = AbortSignal

// React Native's own URL resolves by joining texts, and parses with expressions.
globalThis.URL = class URL {
  #url
  constructor(url, base) {
    this.#url =
      !base || /^[a-z]+:/.test(url) ? `${url}` : `${`${base}`.replace(/\/$/, '')}/${`${url}`.replace(/^\//, '')}`
  }
  get href() {
    return this.#url
  }
  get origin() {
    return /^https?:\/\/[^/]+/.exec(this.#url)?.[0] ?? ''
  }
  toString() {
    return this.#url
  }
}

// Of Hermes itself since React Native 0.74 and 0.85, and not of the Hermes that npm has.
globalThis.TextEncoder ??= class TextEncoder {
  encode(text) {
    return Uint8Array.from(unescape(encodeURIComponent(text)), (character) => character.charCodeAt(0))
  }
}
globalThis.TextDecoder ??= class TextDecoder {
  #rest = []
  decode(bytes = [], { stream = false } = {}) {
    const all = [...this.#rest, ...bytes]
    let end = all.length
    if (stream) {
      let start = end - 1
      while (start > end - 4 && (all[start] & 0xc0) === 0x80) start--
      const lead = all[start]
      const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
      if (start + length > end) end = start
    }
    this.#rest = all.slice(end)
    return decodeURIComponent(escape(String.fromCharCode(...all.slice(0, end))))
  }
}
Array.prototype.findLast ??= function (test) {
  for (let index = this.length - 1; index >= 0; index--) if (test(this[index])) return this[index]
}
Object.hasOwn ??= (object, key) => Object.hasOwn(object, key)

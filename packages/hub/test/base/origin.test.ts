import { describe, expect, test } from 'vitest'
import { canonicalOrigin, hostIn, isOriginOf } from '../../src/base/origin.ts'

describe('a page is of the host that it was asked for', () => {
  test.each([
    ['http://localhost', 'localhost:80'],
    ['http://localhost:3000', 'LOCALHOST:3000'],
    ['https://hub.example.com', 'hub.example.com:443'],
    ['https://hub.example.com', 'Hub.Example.COM'],
    ['https://hub.example.com.', 'hub.example.com.'],
    ['https://hub.example.com', 'hub.example.com.:443'],
    ['http://[::1]:3000', '[0:0:0:0:0:0:0:1]:3000'],
    ['http://127.0.0.1:3000', '127.1:3000'],
    ['https://xn--bcher-kva.example', 'bücher.example'],
  ])('%s, asked for as %s', (origin, host) => {
    expect(isOriginOf(origin, host)).toBe(true)
  })

  test.each([
    ['http://localhost', 'localhost:443'],
    ['https://localhost', 'localhost:80'],
    ['http://localhost:3000', 'localhost:3001'],
    ['https://evil.example', 'hub.example.com'],
    ['https://hub.example.com.evil.example', 'hub.example.com'],
    ['https://hub.example.com', 'hub.example.com@evil.example'],
    ['https://hub.example.com', 'hub.example.com/'],
    ['null', 'localhost'],
    ['null', ''],
    ['file://', ''],
    ['https://hub.example.com', undefined],
  ])('%s is not, asked for as %s', (origin, host) => {
    expect(isOriginOf(origin, host)).toBe(false)
  })
})

test('a host has one form in each scheme', () => {
  expect(hostIn('http:', 'EXAMPLE.com:80')).toBe('example.com')
  expect(hostIn('https:', 'example.com:80')).toBe('example.com:80')
  expect(hostIn('https:', 'example.com.:8443')).toBe('example.com:8443')
  for (const none of ['', 'a b', 'a/b', 'a@b', 'a:b', 'a\\b', '[::1']) expect(hostIn('https:', none)).toBeUndefined()
})

test('an origin has one form', () => {
  expect(canonicalOrigin('HTTPS://Example.com:443')).toBe('https://example.com')
  expect(canonicalOrigin('http://[0:0::1]:80')).toBe('http://[::1]')
  for (const none of ['null', '', 'example.com', 'about:blank']) expect(canonicalOrigin(none)).toBe('null')
})

/** @jest-environment jest-fixed-jsdom */
import '../clients.mjs'

test('this is a page', () => {
  expect(typeof document).toBe('object')
})

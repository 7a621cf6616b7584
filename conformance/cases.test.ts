import { describe, expect, it } from 'vitest'
import { deviations } from './cases/deviations/index.ts'
import { cases } from './cases/index.ts'
import { deviationsPage } from './runners/deviations-page.ts'

describe('the conformance cases', () => {
  it('have names of their own', () => {
    const names = cases.map(({ name }) => name)
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  })

  it('cover every line of the behaviour', () => {
    const ground = [1, 2, 3, 4, 5, 6, 7].map((n) => `ground ${n}`)
    const numbered = Array.from({ length: 14 }, (_, i) => `${i + 1}`)
    const covered = new Set(cases.map(({ line }) => line))
    expect([...ground, ...numbered, 'superset'].filter((line) => !covered.has(line))).toEqual([])
  })

  it.each(deviations)('are what $who is said to deviate from', ({ from }) => {
    const names = cases.map(({ name }) => name)
    expect(Object.keys(from).filter((name) => !names.includes(name))).toEqual([])
  })

  it('say in deviations.md who does what instead of the standard', async () => {
    await expect(deviationsPage()).toMatchFileSnapshot('./deviations.md')
  })
})

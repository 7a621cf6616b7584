import type { Orders, Origins } from './script.ts'

/** Has the test servers carry out an order, and gives their answer. */
export async function order<Name extends keyof Orders>(
  origins: Origins,
  name: Name,
  ask: Orders[Name]['ask'],
): Promise<Orders[Name]['answer']> {
  const response = await fetch(`${origins.control}/${name}`, { method: 'POST', body: JSON.stringify(ask) })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`The test server refused ${name}: ${String(answer)}`)
  return answer as Orders[Name]['answer']
}

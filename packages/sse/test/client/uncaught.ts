import { onTestFinished } from 'vitest'

/** What reaches the process as uncaught in this test, instead of failing it. */
export function catchUncaught(): Error[] {
  const caught: Error[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => caught.push(error))
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
  })
  return caught
}

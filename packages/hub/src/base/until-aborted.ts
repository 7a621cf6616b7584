/** Yields the items of a source until a signal aborts. Does not wait for the source after that. */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  if (!signal) return yield* source
  const iterator = source[Symbol.asyncIterator]()
  let interrupt = () => {}
  const onAbort = () => interrupt()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      // Not Promise.race against a promise of the abort: that promise would keep everything it was
      // ever raced against.
      const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
        interrupt = () => resolve({ done: true, value: undefined })
        iterator.next().then(resolve, reject)
      })
      if (step.done) return
      yield step.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

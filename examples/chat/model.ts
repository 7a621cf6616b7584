import { setTimeout as pause } from 'node:timers/promises'

/**
 * A model that needs no network: it always gives the same answer to a question, one word at a time. With a
 * real one, pass what was answered so far as the beginning of its answer, and the signal to its request.
 */
export async function* askModel(
  question: string,
  { after, signal }: { readonly after: number; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  for (const word of wordsFor(question).slice(after)) {
    await pause(Number(process.env.PAUSE_MS ?? 120), undefined, { signal })
    yield `${word} `
  }
}

/** The whole answer. */
export function wordsFor(question: string): string[] {
  const verses = Array.from(
    { length: 20 },
    (_, verse) => `In line ${verse + 1} I say that "${question.trim()}" is a question worth asking.\n`,
  )
  return verses.join('').split(' ')
}

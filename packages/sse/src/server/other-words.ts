import { SseError } from '../protocol/index.ts'

/** Refuses other words for what a class has, with the right one: `channel.publish` is no function. */
export function refuseOtherWords(prototype: object, what: string, words: Readonly<Record<string, string>>): void {
  for (const [word, meant] of Object.entries(words)) {
    Object.defineProperty(prototype, word, {
      configurable: true,
      get() {
        throw new SseError('INVALID_OPTION', `There is no ${word} in ${what}. Did you mean ${meant}?`)
      },
    })
  }
}

/**
 * Returns the first forbidden character of a topic, a pattern, an event ID or an event type, as
 * `U+200B`; `undefined` if there is none. These texts are one line of visible text: no control
 * characters (they could forge a field of the stream), no format characters (two topics that look
 * the same would differ), no lone surrogates (UTF-8 has none).
 *
 * With `joiners`, the two that Persian, Hindi and 👩‍💻 are written with are accepted: U+200C and
 * U+200D. [Mercure 1.0] does not accept them; 0.x has no such rule.
 */
export function forbiddenCharacter(text: string, { joiners = false } = {}): string | undefined {
  const codePoint = (joiners ? unwelcomeButJoiners : unwelcome).exec(text)?.[0].codePointAt(0)
  return codePoint === undefined ? undefined : `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`
}

/** C0, DEL and C1 controls (Cc), format characters (Cf), lone surrogates (Cs). */
const unwelcome = /[\p{Cc}\p{Cf}\p{Cs}]/u

const unwelcomeButJoiners = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/u

import type { KeyObject } from 'node:crypto'
import type { Algorithm } from './algorithms.ts'

/** A key that verifies tokens, and its algorithms. The operator chooses both, never the token. */
export interface VerificationKey {
  /** Its name among the keys of a set. */
  readonly kid: string | undefined
  /** A public key, or the bytes of a shared secret. */
  readonly key: KeyObject | Uint8Array
  readonly algorithms: ReadonlySet<Algorithm>
}

/** The source of the keys that verify one issuer's tokens, for one role. */
export interface KeySource {
  /** Returns the current keys; `undefined` if they are not available. */
  current(): Promise<readonly VerificationKey[] | undefined>
  /**
   * Returns new keys after a token failed with the tried ones; `undefined` if there are none, or it
   * is too early to ask again.
   */
  renewed(tried: readonly VerificationKey[]): Promise<readonly VerificationKey[] | undefined>
}

/** A source of fixed keys. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  return { current: async () => keys, renewed: async () => undefined }
}

/** Combines the keys of several sources. */
export function allKeys(sources: readonly KeySource[]): KeySource {
  if (sources.length === 1) return sources[0]!
  let parts: readonly (readonly VerificationKey[])[] = []
  let all: readonly VerificationKey[] = []
  const currentOfAll = async () => {
    const known = (await Promise.all(sources.map((source) => source.current()))).filter((keys) => keys !== undefined)
    if (known.length === 0) return undefined
    // Returns the same array while nothing is new: the cache of verified tokens is keyed by it.
    if (known.length !== parts.length || known.some((keys, index) => keys !== parts[index])) {
      parts = known
      all = known.flat()
    }
    return all
  }
  return {
    current: currentOfAll,
    async renewed(tried) {
      const renewed = await Promise.all(sources.map((source) => source.renewed(tried)))
      return renewed.some((keys) => keys !== undefined) ? currentOfAll() : undefined
    },
  }
}

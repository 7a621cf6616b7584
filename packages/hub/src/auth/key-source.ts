import type { KeyObject } from 'node:crypto'
import type { Algorithm } from './algorithms.ts'

/** A key that tokens may be verified with, and the algorithms it may do that by. Both are the operator's choice, never the token's. */
export interface VerificationKey {
  /** Its name among the keys of a set. */
  readonly kid: string | undefined
  /** A public key, or the bytes of a shared secret. */
  readonly key: KeyObject | Uint8Array
  readonly algorithms: ReadonlySet<Algorithm>
}

/** Where the keys come from that one issuer's tokens are verified with, for one role. */
export interface KeySource {
  /** The keys as they are known now; `undefined` when they cannot be had. */
  current(): Promise<readonly VerificationKey[] | undefined>
  /** The keys when there are others than those that a token was tried with, in vain; `undefined` when not, or it is too early to ask. */
  renewed(tried: readonly VerificationKey[]): Promise<readonly VerificationKey[] | undefined>
}

/** Keys that stay what they are. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  return { current: async () => keys, renewed: async () => undefined }
}

/** The keys of several sources as one. */
export function allKeys(sources: readonly KeySource[]): KeySource {
  if (sources.length === 1) return sources[0]!
  let parts: readonly (readonly VerificationKey[])[] = []
  let all: readonly VerificationKey[] = []
  const currentOfAll = async () => {
    const known = (await Promise.all(sources.map((source) => source.current()))).filter((keys) => keys !== undefined)
    if (known.length === 0) return undefined
    // The same array while nothing is new: what was verified with it is known by it.
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

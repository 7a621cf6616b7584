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
   * Looks for other keys after a token failed with the tried ones. With `mayWait`, waits for a
   * moment at which it may ask again, unless that is far away.
   */
  renewed(tried: readonly VerificationKey[], options: { readonly mayWait: boolean }): Promise<Renewal>
}

/** Whether there are other keys than those that were tried. */
export type Renewal =
  | {
      readonly name: 'keys'
      readonly keys: readonly VerificationKey[]
      /** Whether all sources were asked since. */
      readonly isComplete: boolean
    }
  /** There are none: somebody asked since. */
  | { readonly name: 'none' }
  /** That is not known: it is too early to ask again, or asking failed. */
  | { readonly name: 'unknown' }

/** A source of fixed keys. */
export function fixedKeys(keys: readonly VerificationKey[]): KeySource {
  return { current: async () => keys, renewed: async () => ({ name: 'none' }) }
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
    async renewed(tried, { mayWait }) {
      const ask = async (options: { readonly mayWait: boolean }): Promise<Renewal> => {
        const renewals = await Promise.all(sources.map((source) => source.renewed(tried, options)))
        const keys = renewals.some(({ name }) => name === 'keys') ? await currentOfAll() : undefined
        const isComplete = renewals.every(({ name }) => name !== 'unknown')
        if (keys) return { name: 'keys', keys, isComplete }
        return { name: isComplete ? 'none' : 'unknown' }
      }
      // What one source knows at once need not wait for another.
      const renewal = await ask({ mayWait: false })
      return mayWait && renewal.name === 'unknown' ? ask({ mayWait }) : renewal
    },
  }
}

/**
 * The version of Mercure: the current one, or 0.x, which weakens the checks and is spoken only by
 * choice.
 */
export type Dialect = '1.0' | '0.x'

/**
 * The role that a token is presented for. Each role has its own keys, so that a key for one cannot
 * sign for the other.
 */
export type Role = 'publisher' | 'subscriber'

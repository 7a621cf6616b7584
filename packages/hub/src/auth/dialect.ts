/** Which Mercure is spoken: the current one, or that of before 1.0, which weakens the checks and is only spoken by choice. */
export type Dialect = '1.0' | '0.x'

/** What a token is presented for. Each has keys of its own, so that who may vouch for the one cannot vouch for the other. */
export type Role = 'publisher' | 'subscriber'

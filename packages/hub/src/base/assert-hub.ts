import { HubError } from './errors.ts'

/** Throws `INVALID_OPTION` for what is not a hub of `createHub`. `call` shows how it is passed. */
export function assertHub(hub: unknown, call: string): void {
  if (typeof (hub as { stream?: unknown } | null | undefined)?.stream === 'function') return
  throw new HubError('INVALID_OPTION', `The hub is ${String(hub)}. Pass one that createHub() resolved to: ${call}.`)
}

/** The way from a hub to the engine, where it can be cut. */
export interface EngineLink {
  /** Loses everything in a direction, silently, until it is healed. */
  cut(direction: 'both' | 'to engine' | 'from engine'): void
  heal(): void
  /** Whether a connection that the engine has from this address comes by it. */
  has(address: string, port: number): boolean
  close(): Promise<void>
}

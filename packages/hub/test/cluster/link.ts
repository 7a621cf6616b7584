/** The way from a hub to the engine, or from an edge to the hub upstream, where it can be cut. */
export interface Link {
  /** Loses everything in a direction, silently, until it is healed. */
  cut(direction: 'both' | 'there' | 'back'): void
  heal(): void
  /** Whether a connection that the other end has from this address comes by it. */
  has(address: string, port: number): boolean
  close(): Promise<void>
}

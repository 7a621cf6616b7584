/** What to type to see what a seed makes happen. */
export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed}`
}

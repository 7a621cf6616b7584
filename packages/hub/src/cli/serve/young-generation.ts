import { setFlagsFromString } from 'node:v8'

/**
 * Keeps V8's young generation small. When thousands of clients connect at once it would grow to 16
 * MiB and more, and the rest of the heap with it: objects that live as long as a connection would
 * be spread over many times the space they need, and V8 does not return that space. Measured after
 * 10,000 subscribers connected within seconds: 6 KB of memory for each instead of 16. It costs 0.05
 * us per delivered event at two million a second, and nothing measurable below that.
 */
export function keepYoungGenerationSmall(): void {
  // V8 reads the flag each time the generation would grow, so setting it at run time works.
  setFlagsFromString('--semi-space-growth-factor=1')
}

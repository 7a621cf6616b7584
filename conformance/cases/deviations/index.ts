import type { Deviations } from '../harness/conformance-case.ts'
import { nativeChromium } from './native-chromium.ts'
import { nativeDeno } from './native-deno.ts'
import { nativeFirefox } from './native-firefox.ts'
import { nativeNode } from './native-node.ts'
import { nativeWebKit } from './native-webkit.ts'
import { nativeWorkerd } from './native-workerd.ts'
import { ours } from './ours.ts'

/** Every departure from the cases that is known, native and ours. */
export const deviations: Deviations[] = [
  nativeChromium,
  nativeFirefox,
  nativeWebKit,
  nativeNode,
  nativeDeno,
  nativeWorkerd,
  ...ours,
]

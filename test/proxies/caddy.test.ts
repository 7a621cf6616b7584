import { describe } from 'vitest'
import { caddy } from './proxy.ts'
import { testHubBehind } from './proxy-suite.ts'

describe('a hub behind Caddy', () => testHubBehind(caddy))

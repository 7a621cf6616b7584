import { describe } from 'vitest'
import { haproxy } from './proxy.ts'
import { testHubBehind } from './proxy-suite.ts'

describe('a hub behind HAProxy', () => testHubBehind(haproxy))

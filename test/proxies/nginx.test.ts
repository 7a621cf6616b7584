import { describe } from 'vitest'
import { nginx } from './proxy.ts'
import { testHubBehind } from './proxy-suite.ts'

describe('a hub behind nginx', () => testHubBehind(nginx))

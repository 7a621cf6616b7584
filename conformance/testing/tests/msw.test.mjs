import { EventSource } from '@headwater/sse/client'
import * as msw3 from 'msw'
import { setupServer as setupServer3 } from 'msw/node'
import { sse } from 'msw/sse'
import * as msw2 from 'msw-2'
import { setupServer as setupServer2 } from 'msw-2/node'
import { describeMsw } from '../msw.mjs'

globalThis.EventSource ??= EventSource
describeMsw('msw 3', { ...msw3, sse: msw3.sse ?? sse }, { setupServer: setupServer3 })
describeMsw('msw 2', msw2, { setupServer: setupServer2 })

// `memoryStream` over a hub in memory; everything else is the published package's.
import { hubDurability } from '../../../packages/hub/dist/adapters/tanstack-ai/index.js'
import { createHub, createMemoryStore } from '../../../packages/hub/dist/index.js'

export * from '@tanstack/ai'

const hub = await createHub({ store: createMemoryStore(), authorize: () => ({}) })

export const memoryStream = (source, options) => hubDurability(hub, source, options)

// Its context over a hub in memory: who publishes and who subscribes is the hub's business.
import { createResumableStreamContext as createOurs } from '../../../packages/hub/dist/adapters/ai-sdk/index.js'
import { createHub, createMemoryStore } from '../../../packages/hub/dist/index.js'

const hub = await createHub({ store: createMemoryStore(), authorize: () => ({}) })

export const createResumableStreamContext = ({ keyPrefix, waitUntil }) => createOurs({ hub, keyPrefix, waitUntil })

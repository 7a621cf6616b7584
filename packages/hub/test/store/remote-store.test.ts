import { createRemoteStore } from './remote-store.ts'
import { describeStore } from './store-suite.ts'

describeStore('remote (simulated)', { open: async (options) => createRemoteStore(options) })

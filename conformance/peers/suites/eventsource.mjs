// Its tests register with a runner of their own, which needs a reporter.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const load = (path) => import(pathToFileURL(join(process.env.PEER_CHECKOUT, path)).href)
const { registerTests } = await load('test/tests.ts')
const { getServer } = await load('test/server.ts')
const { createRunner } = await load('test/waffletest/runner.ts')

const port = 20_000 + Math.floor(Math.random() * 20_000)
const report = ({ title, error }) => console.log(`RESULT ${JSON.stringify({ name: title, error })}`)
await getServer(port)
const runner = createRunner({ onPass: report, onFail: report })
registerTests({ environment: 'node', runner, port, fetch: globalThis.fetch })
await runner.runTests()
process.exit()

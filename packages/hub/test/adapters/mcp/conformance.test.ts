import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'
import { type McpTestServer, mcpServer } from './mcp-server.ts'

const command = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

let hub: Hub
let mcp: McpTestServer
let server: FetchServer

beforeEach(async () => {
  hub = await createHub({ store: createMemoryStore() })
  mcp = mcpServer(hub, {
    retryInterval: 500,
    register(server) {
      // The tool that the scenario asks for: it closes the stream of its call, and answers when that is over.
      server.registerTool('test_reconnection', {}, ({ closeSSEStream }) => {
        closeSSEStream?.()
        return { content: [{ type: 'text', text: 'done' }] }
      })
    },
  })
  server = await serveFetch((request) => mcp.handle(withNegotiatedVersion(request)))
})

/**
 * The scenario negotiates 2025-11-25, and its requests say 2025-03-26, whose clients cannot read what
 * it asks for: 0.1.16 has that version fixed in it.
 */
function withNegotiatedVersion(request: Request): Request {
  if (!request.headers.has('mcp-protocol-version')) return request
  const headers = new Headers(request.headers)
  headers.set('mcp-protocol-version', '2025-11-25')
  return new Request(request, { headers })
}

afterEach(async () => {
  await mcp.close()
  await server.close()
  await hub.close()
})

it.each(['server-sse-polling', 'server-sse-multiple-streams'])(
  "an MCP server over the hub passes the conformance package's %s",
  async (scenario) => {
    const cwd = temporaryDirectory()
    const args = [command, 'server', '--url', `${server.url}/mcp`, '--scenario', scenario, '--output-dir', cwd]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd })
    const [results] = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /checks\.json$/.test(name),
    )
    const checks = JSON.parse(readFileSync(join(cwd, results!), 'utf8')) as Check[]
    const judged = checks.filter(({ status }) => status !== 'INFO')
    expect(judged.length, stdout).toBeGreaterThan(0)
    expect(judged.filter(({ status }) => status !== 'SUCCESS')).toEqual([])
  },
)

// Whose suites run, from where, and which of their files are about something that we have.

export const peers = [
  {
    name: 'eventsource',
    repository: 'https://github.com/EventSource/eventsource',
    tag: 'v4.1.1',
    suite: 'eventsource',
    left: [
      {
        files: 'test/browser, test/deno, test/bun',
        why: 'the same tests in other runtimes; conformance/ runs ours there',
      },
    ],
  },
  {
    name: 'eventsource-parser',
    repository: 'https://github.com/rexxars/eventsource-parser',
    tag: 'v4.1.0',
    suite: 'vitest',
    adapter: 'eventsource-parser.mjs',
    replaced: ['src/parse', 'src/errors', 'src/stream', 'src/types', 'src/index'],
    files: ['test/parse.test.ts', 'test/stream.test.ts', 'test/benchmark-fixtures.test.ts'],
    left: [],
  },
  {
    name: 'undici',
    repository: 'https://github.com/nodejs/undici',
    tag: 'v8.10.0',
    suite: 'node-test',
    folder: 'test/eventsource',
    left: [
      { files: 'eventsource-stream-parse-line.js', why: 'calls its own parser line by line' },
      { files: 'eventsource-stream-process-event.js', why: 'calls its own parser event by event' },
      { files: 'eventsource-stream-bom.js', why: 'replaces a method of its own parser' },
      { files: 'util.js', why: 'its own helper functions' },
    ],
  },
  {
    name: 'better-sse',
    repository: 'https://github.com/MatthewWid/better-sse',
    tag: 'v0.16.1',
    suite: 'vitest',
    adapter: 'better-sse.mjs',
    replaced: [
      ...['src/Session', 'src/Channel', 'src/createSession', 'src/createChannel', 'src/createResponse'],
      ...['src/EventBuffer', 'src/adapters/Connection', 'src/adapters/FetchConnection'],
      ...['src/adapters/NodeHttp1Connection'],
    ],
    files: [
      ...['src/Session.test.ts', 'src/Channel.test.ts', 'src/createSession.test.ts', 'src/createChannel.test.ts'],
      'src/createResponse.test.ts',
    ],
    left: [
      { files: 'src/EventBuffer.test.ts, src/createEventBuffer.test.ts', why: 'ours is encodeEvent(), a function' },
      { files: 'src/adapters', why: 'we have no classes of connections' },
      { files: 'src/utils', why: 'its own helper functions' },
    ],
  },
  {
    name: 'resumable-stream',
    repository: 'https://github.com/vercel/resumable-stream',
    commit: 'aa490f28b4199099a7bda98b7d3ab856aaeace5f',
    suite: 'vitest',
    adapter: 'resumable-stream.mjs',
    replaced: ['src', 'src/ioredis'],
    files: ['src/__tests__/basic-in-memory.test.ts'],
    left: [
      {
        files: 'src/__tests__/redis.test.ts, src/__tests__/ioredis.test.ts, src/__tests__/ioredis-passed-in.test.ts',
        why: 'the same tests with clients of Redis',
      },
      { files: 'src/__tests__/generic.test.ts', why: 'about what it asks of a publisher and a subscriber' },
    ],
  },
  {
    name: 'tanstack-ai',
    repository: 'https://github.com/TanStack/ai',
    commit: 'd3aa104932442bfb0e0268af1c8240a00fe51aa9',
    suite: 'vitest',
    adapter: 'tanstack-ai.mjs',
    folder: 'packages/ai',
    replaced: [
      ...['src/stream-durability', 'src/stream-to-response', 'src/types', 'src/activities/chat/index'],
      ...['src/activities/chat/adapter', 'src/utilities/ag-ui-usage', 'src/index'],
    ],
    files: [
      ...['tests/stream-durability.test.ts', 'tests/stream-durability-offsets.test.ts'],
      'tests/stream-to-response-durability.test.ts',
    ],
    left: [],
  },
]

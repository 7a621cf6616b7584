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
]

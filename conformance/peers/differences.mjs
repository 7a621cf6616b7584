// Every test of another library's suite that does not pass against ours, and why. `choice`: ours behaves differently, and
// for a reason. `internal`: the test looks at the insides of its library, or at parts that have no counterpart. `open`: ours
// should behave so, and does not yet.

export const differences = [
  {
    peer: 'eventsource',
    kind: 'choice',
    why: 'the words of messages; ours name the URL, the status and the type',
    tests: [
      'throws if `url` is not a string/url',
      '[NON-SPEC] message event contains extended properties (invalid http response)',
      'throws on `fetch()` that does not return web-stream',
    ],
  },
  {
    peer: 'eventsource',
    kind: 'choice',
    why: "an error's code is a word (NETWORK_ERROR), and the status of a response is in status",
    tests: ['[NON-SPEC] message event contains extended properties (failed connection)'],
  },
  {
    peer: 'eventsource',
    kind: 'choice',
    why: 'a response without a body is an empty stream, to which a client reconnects, as in the standard',
    tests: ['throws on `fetch()` that does not return a body'],
  },
  {
    peer: 'eventsource',
    kind: 'internal',
    why: 'a symbol by which it says that it takes a fetch',
    tests: ['has non-enumarable `eventsource.supports-fetch-override` symbol'],
  },
  {
    peer: 'eventsource-parser',
    kind: 'choice',
    why: 'text is text: a byte order mark is one character of it, not the three characters that its bytes make in Latin-1',
    tests: ['stream of leading bom', 'stream containing byte-order mark (multiple places)'],
  },
  {
    peer: 'eventsource-parser',
    kind: 'choice',
    why: 'errors have a code and another message, and no properties field, value and line',
    tests: [
      'stream with empty `retry` field',
      'stream with partially incorrect retry fields',
      'stream with incorrect retry fields',
      'calls onError when the stream is invalid (through newline)',
      'calls onError when the stream is invalid (no field separator)',
      'unknown field lines completed by a cr at a chunk boundary still emit unknown-field errors',
      'passing a function to `createParser` will throw with helpful error',
    ],
  },
  {
    peer: 'eventsource-parser',
    kind: 'choice',
    why: 'onError is also called for an ignored ID with a NUL, and for ignored lines that came in pieces',
    tests: [
      'stream with `id` field containing a NULL character',
      'maxBufferSize: discards unterminated unknown fields without buffering',
      'maxBufferSize: discards invalid lines as soon as their field name cannot become valid',
    ],
  },
  {
    peer: 'eventsource-parser',
    kind: 'choice',
    why: 'the limit counts whole lines of an event, names of fields included',
    tests: ['discarded unterminated comments consume crlf as one line terminator'],
  },
  {
    peer: 'eventsource-parser',
    kind: 'choice',
    why: 'after an event beyond the limit, feed() ignores everything until reset(), and throws only without onError',
    tests: ['maxBufferSize: feed throws after overflow, until reset'],
  },
  {
    peer: 'undici',
    kind: 'choice',
    why: 'a dispatcher is an option of the fetch that you pass, not of ours',
    tests: [
      'EventSource allows setting custom dispatcher.',
      'EventSource allows setting custom dispatcher in EventSourceDict.',
    ],
  },
  {
    peer: 'undici',
    kind: 'choice',
    why: 'the first reconnection time is retry.reconnectionTimeMs, not node.reconnectionTime',
    tests: ['should try to connect again if server is unreachable, configure reconnectionTime'],
  },
  {
    peer: 'undici',
    kind: 'choice',
    why: 'a URL with a name and a password is refused by fetch before it is sent, as in browsers; send a header',
    tests: ['should use URL credentials after an authentication challenge'],
  },
  {
    peer: 'undici',
    kind: 'internal',
    why: "the test's clock holds back a timer of Node's own fetch; ours has called fetch in time, 100 ms after the error",
    tests: ['Should reconnect on with modified reconnection timeout'],
  },
  {
    peer: 'undici',
    kind: 'choice',
    why: 'the words of a message',
    tests: ['Throw DOMException if URL is invalid'],
  },
  {
    peer: 'better-sse',
    kind: 'choice',
    why: 'a channel encodes an event once and writes its bytes; it does not call a method of each session',
    tests: [
      'broadcasting calls push on all sessions with the same arguments',
      'broadcasting calls push with a default event name if none is given',
      'broadcasting can set a custom event id when broadcasting',
      'broadcasting can filter sessions when broadcasting',
    ],
  },
  {
    peer: 'better-sse',
    kind: 'choice',
    why: 'no status but 200: an EventSource takes any other for a refusal',
    tests: [
      'construction can set the status code in options',
      'fetch api from fetch request/response copies the status code and headers from the response',
      'fetch api from fetch request/response prioritizes options status and headers over response',
      'fetch api from fetch request/response throws when passing options objects to both the second and third arguments at the same time',
      'passes arguments to the Session constructor as-is',
    ],
  },
  {
    peer: 'better-sse',
    kind: 'choice',
    why: 'the parameters and the padding that two polyfills for Internet Explorer ask for are not known',
    tests: [
      "polyfill support can retrieve the last event ID from 'eventsource-polyfill' URL query",
      "polyfill support writes a preamble comment when indicated to by the 'event-source-polyfill' URL query",
      "polyfill support writes a preamble comment when indicated to by the 'eventsource-polyfill' URL query",
    ],
  },
  {
    peer: 'better-sse',
    kind: 'internal',
    why: 'reads the arguments of writeHead(); ours sets the headers with setHeader() before it',
    tests: [
      'construction returns the correct response status code and headers by default',
      'construction adds custom headers to the response headers',
      'construction can omit headers by setting its value to undefined',
      'construction can overwrite the default headers with a single value',
      'construction can set and overwrite headers with an array of values',
    ],
  },
  {
    peer: 'better-sse',
    kind: 'internal',
    why: 'spies on its private buffer or its private method keepAlive',
    tests: [
      'retry writes an initial retry field by default',
      'retry can modify the initial retry field value',
      'retry can prevent the initial retry field from being sent',
      'keep-alive sends a comment in intervals to keep the connection alive',
      'keep-alive can set the keep-alive interval in options',
      'keep-alive can disable the keep-alive mechanism in options',
      'push passes push arguments to internal buffer push method',
      'push flushes buffer data to the client',
      'polyfill support does not write a preamble when not indicated to do so',
    ],
  },
  {
    peer: 'better-sse',
    kind: 'internal',
    why: 'its copies of the request and the response as Fetch objects, and its classes of connections',
    tests: [
      'fetch api from node incomingmessage/serverresponse copies the method, status code and headers from the req and res',
      'fetch api from node incomingmessage/serverresponse triggers abort signal on res close',
      'http/2 compatibility api omits http/2 pseudo-headers from the request headers',
      'custom connection can pass a custom connection and retrieve its request and response',
      'custom connection throws when passing options to the third argument',
      'can pass a custom connection adapter',
    ],
  },
  {
    peer: 'better-sse',
    kind: 'internal',
    why: 'the words of the messages that the adapter throws in place of it',
    tests: [
      'construction throws when given no arguments',
      'http/2 compatibility api throws when given a Http2ServerRequest object but no Http2ServerResponse',
    ],
  },
]

export type { Gap, GapReason } from '../protocol/signals.ts'
export { advanceUntil, type FakeTimers } from './advance-until.ts'
export { type FakeClock, type FakeClockOptions, installFakeClock } from './fake-clock.ts'
export { type Answer, type AnswerFunction, noResponse, type ResponseAnswer, redirect, type Script } from './script.ts'
export type { ScriptedConnection } from './scripted-connection.ts'
export { type ScriptedFetch, type ScriptedResponseInit, scriptedFetch } from './scripted-fetch.ts'
export {
  type Control,
  cut,
  end,
  forgetId,
  type GapInit,
  gap,
  half,
  replay,
  type Step,
  stall,
  type TestEvent,
  wait,
} from './steps.ts'
export type { TestRequest } from './test-request.ts'
export { createTestServer, type TestServer, type TestServerOptions } from './test-server.ts'

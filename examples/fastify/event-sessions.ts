// A Fastify plugin to copy: replies get openSession(), and every open session ends when the application is closed.
import { createSession, type Session, type SessionOptions } from '@headwater/sse/server'
import type { FastifyPluginCallback } from 'fastify'

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Answers with an event stream. What this reply and plugins (CORS, say) have set as headers so far
     * goes along.
     *
     * @throws SseError `INVALID_OPTION`; `HEADERS_SENT` if part of the response was already sent.
     */
    openSession(options?: Omit<SessionOptions, 'headers' | 'drainSignal'>): Session
  }
}

export const eventSessions: FastifyPluginCallback = (app, _options, done) => {
  const closing = new AbortController()
  app.decorateReply('openSession', function (options = {}) {
    // From here on the response is the session's.
    this.hijack()
    return createSession(this.request.raw, this.raw, {
      ...options,
      headers: this.getHeaders(),
      drainSignal: closing.signal,
    })
  })
  // Ends every stream, telling the clients to come back spread over some seconds.
  app.addHook('preClose', (finish) => {
    closing.abort()
    finish()
  })
  done()
}

// For the whole application, and not only for what is registered inside this plugin.
Object.assign(eventSessions, { [Symbol.for('skip-override')]: true })

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import { promisify } from 'node:util'
import { gzip, type ZlibOptions } from 'node:zlib'
import { acceptsGzip, hasMatch } from './message/headers.ts'
import type { BodyResponse, HubRequest } from './message/http-message.ts'

interface File {
  readonly body: Buffer
  /** Whether it is worth compressing. */
  readonly isCompressible: boolean
  /** The same, compressed, since a client has asked for that: no start of a hub waits for it. */
  gzipped?: Promise<Buffer>
  readonly contentType: string
  readonly etag: string
}

/**
 * A page that the build made: the dashboard, or the one at `/learn`. Its files are read once: only
 * what is in the directory now can ever be requested.
 */
export class BuiltPage {
  readonly #files = new Map<string, File>()
  readonly #policy: string

  /**
   * Serves the files of a directory; its `index.html` is the page at `/`. Without one, `/` says
   * that the hub is up. The page learns the path of the hub. The policy says what it may load.
   */
  constructor(directory: string, hubPath: string, policy = contentSecurityPolicy) {
    this.#policy = policy
    if (existsSync(directory)) {
      for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        const contentType = contentTypes[extname(name)]
        if (contentType === undefined) continue
        this.#add(
          `/${name.split(sep).join('/')}`,
          contentType,
          withPath(readFileSync(join(directory, name)), contentType, hubPath),
        )
      }
    }
    const index = this.#files.get('/index.html')
    if (index) this.#files.set('/', index)
    else
      this.#add(
        '/',
        'text/plain; charset=utf-8',
        Buffer.from('Headwater is running. Its page was not built: run npm run build.\n'),
      )
  }

  has(path: string): boolean {
    return this.#files.has(path)
  }

  /** Answers a request for a path that it has, compressed if the client accepts that. */
  async answer(path: string, header: HubRequest['header']): Promise<BodyResponse> {
    const file = this.#files.get(path)!
    const { body, isCompressible, contentType, etag } = file
    // A new version of the hub has a new page, so browsers ask each time; usually the answer is
    // that nothing has changed.
    const headers = {
      'cache-control': 'no-cache',
      // Weak: the same for both codings.
      etag: `W/${etag}`,
      vary: isCompressible ? 'Accept-Encoding' : undefined,
      'content-security-policy': this.#policy,
    }
    if (hasMatch(header('if-none-match'), etag)) return { status: 304, headers, body: '' }
    const isGzipped = isCompressible && acceptsGzip(header('accept-encoding'))
    if (isGzipped) file.gzipped ??= compress(body, { level: 9 })
    return {
      status: 200,
      headers: { ...headers, 'content-type': contentType, 'content-encoding': isGzipped ? 'gzip' : undefined },
      body: isGzipped ? await file.gzipped! : body,
    }
  }

  #add(path: string, contentType: string, body: Buffer): void {
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
    const isCompressible =
      body.length >= leastGzipped && !contentType.startsWith('image/png') && !contentType.startsWith('font/')
    this.#files.set(path, { body, isCompressible, contentType, etag })
  }
}

const compress = promisify<Buffer, ZlibOptions, Buffer>(gzip)

/** Smaller files fit into one packet anyway, in bytes. */
const leastGzipped = 1400

/** Relative, because a proxy may serve the page below another path. */
function withPath(file: Buffer, contentType: string, hubPath: string): Buffer {
  if (!contentType.startsWith('text/html')) return file
  return Buffer.from(file.toString().replace(/(<meta name="hub" content=")[^"]*/, `$1${hubPath.slice(1)}`))
}

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
}

/** Nothing from elsewhere and nothing inline, because the page shows what others publish. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

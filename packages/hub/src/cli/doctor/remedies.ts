import type { Fix } from './finding.ts'
import { type InBetween, type ProxyName, proxyNames, proxyTitles } from './proxies.ts'

/** What can be wrong in something between client and server. */
export type Ailment = keyof typeof remedies

const lostHeader = {
  nginx: ['# remove: proxy_set_header NAME "";', 'proxy_pass_request_headers on;'],
  apache: ['# remove: RequestHeader unset NAME'],
  caddy: ['# remove: header_up -NAME'],
  haproxy: ['# remove: http-request del-header NAME'],
  lighttpd: ['# remove NAME from: setenv.set-request-header'],
  mitmproxy: ['# remove from --modify-headers: NAME'],
  squid: ['# remove: request_header_access NAME deny all'],
  varnish: ['# remove: unset req.http.NAME;'],
} satisfies Partial<Record<ProxyName, readonly string[]>>

/**
 * The lines to change, or, as a comment, what to remove. The tests start each proxy with its lines.
 */
const remedies = {
  buffering: {
    nginx: ['proxy_buffering off;', '# and no: proxy_ignore_headers X-Accel-Buffering;'],
    apache: ['ProxyPass / http://127.0.0.1:3000/ flushpackets=on', '# and no: SetOutputFilter'],
    caddy: ['# remove: buffer_responses'],
    haproxy: ['# remove: http-response wait-for-body'],
    lighttpd: ['server.stream-response-body = 2'],
    mitmproxy: ['flow.response.stream = True', '# in responseheaders(flow) of an addon, for text/event-stream'],
    squid: ['# remove: delay_pools, icap_service and ecap_service, for this path'],
    varnish: ['set beresp.do_stream = true;'],
  },
  delay: {
    haproxy: ['option http-no-delay'],
  },
  compression: {
    nginx: ['gzip_types text/css application/javascript;', '# without text/event-stream and without *'],
    apache: ['SetEnvIf Request_URI "^/events" no-gzip'],
    caddy: ['# encode: with a match that leaves out Content-Type text/event-stream'],
    haproxy: ['compression type text/css application/javascript', '# without text/event-stream'],
    lighttpd: ['deflate.mimetypes = ( "text/css", "application/javascript" )', '# without text/event-stream and text/'],
    varnish: ['set beresp.do_gzip = false;'],
  },
  'idle-timeout': {
    nginx: ['proxy_read_timeout 1h;'],
    apache: ['ProxyTimeout 3600'],
    caddy: ['read_timeout 1h', '# in transport http of reverse_proxy'],
    haproxy: ['timeout server 1h', 'timeout client 1h'],
    lighttpd: ['server.max-read-idle = 3600', 'server.max-write-idle = 3600'],
    squid: ['read_timeout 1 hour'],
    varnish: ['.between_bytes_timeout = 3600s;', '.first_byte_timeout = 3600s;'],
  },
  'request-headers': lostHeader,
  authorization: {
    ...lostHeader,
    squid: [
      'cache_peer 127.0.0.1 parent 3000 0 no-query originserver login=PASSTHRU',
      '# and no: request_header_access Authorization',
    ],
  },
  'response-headers': {
    nginx: ['# remove: proxy_hide_header, default_type, charset, expires and add_header for this path'],
    apache: ['# remove: Header set, ForceType, AddDefaultCharset and ExpiresDefault for this path'],
    caddy: ['# remove: header and header_down for this path'],
    haproxy: ['# remove: http-response set-header, replace-header and del-header for this path'],
    lighttpd: ['# remove: setenv.set-response-header for this path'],
    mitmproxy: ['# remove from --modify-headers what concerns this path'],
    squid: ['# remove: reply_header_access, reply_header_replace'],
    varnish: ['# remove: set beresp.http and set resp.http for this path'],
  },
  leaving: {
    nginx: ['proxy_ignore_client_abort off;'],
    caddy: ['# remove: flush_interval -1'],
    haproxy: ['option abortonclose', '# in defaults: in a backend alone it does nothing'],
    squid: ['quick_abort_min 0 KB', 'quick_abort_max 0 KB'],
    varnish: ['return (pipe);'],
  },
  'http-1.0': {
    nginx: ['proxy_http_version 1.1;', 'proxy_set_header Connection "";'],
    apache: ['# remove: SetEnv force-proxy-request-1.0 1'],
    caddy: ['versions 1.1', '# in transport http of reverse_proxy'],
    lighttpd: ['proxy.header = ( "force-http10" => "disable" )'],
  },
  caching: {
    nginx: ['proxy_cache off;'],
    apache: ['CacheDisable "/events"'],
    caddy: ['# remove: cache, for this path'],
    haproxy: ['# remove: http-request cache-use'],
    squid: ['cache deny all'],
    varnish: ['set beresp.uncacheable = true;'],
  },
  post: {
    nginx: ['client_max_body_size 1m;', '# and no: limit_except GET'],
    apache: ['# remove: <LimitExcept GET>, LimitRequestBody'],
    caddy: ['# remove: method and request_body max_size'],
    haproxy: ['# remove: http-request deny unless METH_GET'],
    lighttpd: ['server.max-request-size = 1024'],
    mitmproxy: ['# remove: --set body_size_limit'],
    squid: ['# remove: request_body_max_size, acl method'],
    varnish: ['# remove: return (synth(405)) and what makes a GET of it'],
  },
  connections: {
    nginx: ['# remove or raise: limit_conn', 'worker_connections 4096;'],
    apache: ['MaxRequestWorkers 400', '# with mpm_event'],
    caddy: ['# remove: max_conns_per_host'],
    haproxy: ['# raise: maxconn'],
    lighttpd: ['server.max-connections = 4096'],
    squid: ['# remove: acl maxconn'],
    varnish: ['.max_connections = 0;'],
  },
  query: {
    nginx: ['# proxy_pass with a URI that contains variables drops the query: add $is_args$args'],
    apache: ['# RewriteRule with a ? drops the query: add [QSA]'],
    caddy: ['# rewrite drops the query: add ?{query}'],
    haproxy: ['# http-request set-uri drops the query: use set-path'],
    lighttpd: ['# url.rewrite drops the query: write "^/([^?]*)(\\?.*)?$" => "/$1$2"'],
    squid: ['# url_rewrite_program drops the query'],
    varnish: ['# set req.url drops the query'],
  },
} satisfies Record<string, Partial<Record<ProxyName, readonly string[]>>>

export const ailments = Object.keys(remedies) as Ailment[]

/**
 * What to change in what is in between: in that which is known to be there, or, if nothing is known, the
 * first line for each that may be.
 */
export function remediesFor(ailment: Ailment, { proxies }: InBetween, values: { name?: string } = {}): Fix[] {
  const known: Partial<Record<ProxyName, readonly string[]>> = remedies[ailment]
  const isKnown = proxies.length > 0
  return (isKnown ? proxies : proxyNames).flatMap((name) => {
    const lines = known[name]?.map((line) => line.replaceAll('NAME', values.name ?? 'NAME'))
    if (!lines) return []
    return [
      {
        where: isKnown ? proxyTitles[name] : `if it is ${proxyTitles[name]}`,
        lines: isKnown ? lines : lines.slice(0, 1),
      },
    ]
  })
}

import {
  apache,
  caddy,
  haproxy,
  lighttpd,
  mitmproxy,
  nginx,
  type Parts,
  type ProxyKind,
  squid,
  varnish,
} from './proxies.ts'

/** Something that is wrong in a proxy, and what the doctor has to name. */
export interface Misconfiguration {
  readonly proxy: ProxyKind
  /** As a person would say it, for the table in docs/doctor.md. */
  readonly wrong: string
  readonly parts: Parts
  /** The ids of the findings that name it. Any other fault or warning is a false one. */
  readonly named: readonly string[]
  /** What is named of it with an ordinary application behind it, and `--direct`. Default: nothing can be seen so. */
  readonly compared?: readonly string[]
  /** It needs `--deep`, which takes longer. */
  readonly isDeep?: true
}

const { location } = nginx.right as { location: string }

export const misconfigurations: readonly Misconfiguration[] = [
  {
    proxy: nginx,
    wrong: 'no line about streams: `proxy_pass` alone',
    parts: { location: '' },
    named: ['buffering-unless-told', 'http-1.0'],
  },
  {
    proxy: nginx,
    wrong: '`proxy_ignore_headers X-Accel-Buffering`, and no other line about streams',
    parts: { location: 'proxy_ignore_headers X-Accel-Buffering;' },
    named: ['buffering', 'http-1.0'],
    compared: ['buffering'],
  },
  {
    proxy: nginx,
    wrong: '`gzip_types text/event-stream` and `proxy_buffering on`',
    parts: {
      http: 'gzip on; gzip_min_length 0; gzip_types text/event-stream;',
      location: location.replace('off;', 'on; proxy_ignore_headers X-Accel-Buffering;'),
    },
    named: ['compression-holds-back'],
    compared: ['buffering'],
  },
  {
    proxy: nginx,
    wrong: '`gzip_types text/event-stream`',
    parts: { http: 'gzip on; gzip_min_length 0; gzip_types text/event-stream;' },
    named: ['transformed'],
    compared: ['header-changed'],
  },
  {
    proxy: nginx,
    wrong: '`proxy_read_timeout 2s`',
    parts: { location: location.replace('1h', '2s') },
    named: ['idle-timeout'],
    isDeep: true,
  },
  {
    proxy: nginx,
    wrong: '`proxy_http_version 1.0`',
    parts: { location: location.replace('proxy_http_version 1.1', 'proxy_http_version 1.0') },
    named: ['http-1.0'],
  },
  {
    proxy: nginx,
    wrong: '`proxy_set_header Last-Event-ID ""`',
    parts: { location: `${location} proxy_set_header Last-Event-ID "";` },
    named: ['last-event-id-lost'],
    compared: ['resume-loses'],
  },
  {
    proxy: nginx,
    wrong: '`charset iso-8859-1` with `charset_types text/event-stream`',
    parts: { location: `${location} charset iso-8859-1; charset_types text/event-stream;` },
    named: ['charset'],
    compared: ['charset', 'header-changed'],
  },
  {
    proxy: nginx,
    wrong: '`limit_except GET`',
    parts: { location: `${location} limit_except GET { deny all; }` },
    named: ['post-lost'],
  },
  {
    proxy: nginx,
    wrong: '`limit_conn` of 4',
    parts: {
      http: 'limit_conn_zone $binary_remote_addr zone=streams:1m;',
      location: `${location} limit_conn streams 4;`,
    },
    named: ['connections-limited'],
  },
  {
    proxy: nginx,
    wrong: '`proxy_pass` with `$uri`, without the query',
    parts: { pass: '$uri' },
    named: ['query-lost'],
  },
  {
    proxy: nginx,
    wrong: '`proxy_hide_header Cache-Control`',
    parts: { location: `${location} proxy_hide_header Cache-Control;` },
    named: ['cache-control-lost'],
    compared: ['header-changed'],
  },
  {
    proxy: haproxy,
    wrong: '`timeout server 2s`',
    parts: { timeouts: 'timeout client 1h\n  timeout server 2s' },
    named: ['idle-timeout'],
    isDeep: true,
  },
  {
    proxy: haproxy,
    wrong: 'no `option http-no-delay`',
    parts: { defaults: 'option abortonclose' },
    named: ['delayed'],
  },
  {
    proxy: haproxy,
    wrong: '`http-response wait-for-body`',
    parts: { backend: 'http-response wait-for-body time 60s at-least 16000' },
    named: ['buffering'],
    compared: ['buffering'],
  },
  {
    proxy: haproxy,
    wrong: '`http-request del-header Last-Event-ID`',
    parts: { backend: 'http-request del-header Last-Event-ID' },
    named: ['last-event-id-lost'],
    compared: ['resume-loses'],
  },
  {
    proxy: haproxy,
    wrong: '`maxconn 4` at the server',
    parts: { server: ' maxconn 4', defaults: 'option abortonclose\n  option http-no-delay\n  timeout queue 500ms' },
    named: ['connections-limited'],
  },
  {
    proxy: caddy,
    wrong: '`buffer_responses`',
    parts: { proxy: 'buffer_responses' },
    named: ['buffering'],
    compared: ['buffering'],
  },
  {
    proxy: caddy,
    wrong: '`header_up -Authorization`',
    parts: { proxy: 'header_up -Authorization' },
    named: ['request-header-lost'],
  },
  {
    proxy: caddy,
    wrong: '`read_timeout 2s`',
    parts: { proxy: 'transport http {\n read_timeout 2s\n}' },
    named: ['idle-timeout'],
    isDeep: true,
  },
  {
    proxy: varnish,
    wrong: '`beresp.do_stream = false`',
    parts: { fetch: 'set beresp.do_stream = false;\n  set beresp.uncacheable = true;' },
    named: ['buffering'],
    compared: ['buffering'],
  },
  {
    proxy: varnish,
    wrong: '`beresp.do_gzip = true`',
    parts: { fetch: 'set beresp.do_gzip = true;\n  set beresp.uncacheable = true;' },
    named: ['buffering', 'transformed'],
    compared: ['buffering', 'header-changed'],
  },
  {
    proxy: varnish,
    wrong: '`.between_bytes_timeout = 2s`',
    parts: { backend: '.between_bytes_timeout = 2s;' },
    named: ['idle-timeout'],
    isDeep: true,
  },
  {
    proxy: varnish,
    wrong: '`unset req.http.Cookie`',
    parts: { recv: 'unset req.http.Cookie;\n  return (pass);' },
    named: ['request-header-lost'],
  },
  {
    proxy: apache,
    wrong: '`AddOutputFilterByType DEFLATE text/event-stream`',
    parts: { site: 'ProxyTimeout 3600\nAddOutputFilterByType DEFLATE text/event-stream' },
    named: ['transformed'],
    compared: ['header-changed'],
  },
  {
    proxy: apache,
    wrong: '`RequestHeader unset Last-Event-ID`',
    parts: { site: 'ProxyTimeout 3600\nRequestHeader unset Last-Event-ID' },
    named: ['last-event-id-lost'],
    compared: ['resume-loses'],
  },
  {
    proxy: apache,
    wrong: '`ProxyTimeout 2`',
    parts: { site: 'ProxyTimeout 2' },
    named: ['idle-timeout'],
    isDeep: true,
  },
  {
    proxy: apache,
    wrong: '`SetEnv force-proxy-request-1.0 1`',
    parts: {
      modules: 'LoadModule env_module /usr/lib/apache2/modules/mod_env.so',
      site: 'SetEnv force-proxy-request-1.0 1',
    },
    named: ['http-1.0'],
  },
  {
    proxy: apache,
    wrong: '`Header set Content-Type text/plain`',
    parts: { site: 'Header set Content-Type text/plain' },
    named: ['content-type'],
    compared: ['content-type', 'header-changed'],
  },
  {
    proxy: squid,
    wrong: '`read_timeout 2 seconds`',
    parts: { rules: 'read_timeout 2 seconds\ncache deny all' },
    named: ['idle-timeout'],
    isDeep: true,
  },
  {
    proxy: squid,
    wrong: '`cache_peer` without `login=PASSTHRU`',
    parts: { peer: '' },
    named: ['request-header-lost'],
  },
  {
    proxy: squid,
    wrong: '`request_header_access Other deny all`',
    parts: { rules: 'cache deny all\nrequest_header_access Other deny all' },
    named: ['last-event-id-lost', 'request-header-lost'],
    compared: ['resume-loses'],
  },
  {
    proxy: lighttpd,
    wrong: '`server.stream-response-body = 0`, the default',
    parts: { server: '' },
    named: ['buffering'],
    compared: ['buffering'],
  },
  {
    proxy: lighttpd,
    wrong: '`force-http10` of `proxy.header`',
    parts: { server: `${lighttpd.right.server}\nproxy.header = ( "force-http10" => "enable" )` },
    named: ['http-1.0'],
  },
  {
    proxy: mitmproxy,
    wrong: 'no `flow.response.stream`, the default',
    parts: { addon: '' },
    named: ['buffering'],
    compared: ['buffering'],
  },
  {
    proxy: mitmproxy,
    wrong: 'an addon that removes `Last-Event-ID`',
    parts: {
      addon: `${mitmproxy.right.addon}
def request(flow):
    flow.request.headers.pop("last-event-id", None)
`,
    },
    named: ['last-event-id-lost'],
    compared: ['resume-loses'],
  },
]

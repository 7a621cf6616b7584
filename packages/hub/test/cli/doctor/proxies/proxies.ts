import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where one proxy runs in a test. */
export interface Place {
  readonly directory: string
  readonly port: number
  /** Further ports that it may want for itself. */
  readonly spare: number
  /** `127.0.0.1:PORT` of the server behind it. */
  readonly upstream: string
  readonly certPath: string
  readonly keyPath: string
  /** Both of them in one file. */
  readonly pemPath: string
}

/** The parts of a configuration that tests change: name of the part to its text. */
export type Parts = Readonly<Record<string, string>>

/** A real proxy, and how it is configured for event streams. */
export interface ProxyKind {
  readonly title: string
  /** As `--proxy` and Debian's packages call it. */
  readonly name: string
  readonly apt: string
  readonly binary: string
  /** What is right; a test of something wrong replaces parts. */
  readonly right: Parts
  /** Parts that have it serve HTTP/2 by TLS, if it can. */
  readonly http2?: (place: Place) => Parts
  /** Its files, by their names in the directory of the place. */
  files(parts: Parts, place: Place): Record<string, string>
  /** Its command line. */
  command(place: Place): string[]
}

const isRoot = process.getuid?.() === 0
const user = isRoot ? 'nobody' : undefined

export const nginx: ProxyKind = {
  title: 'nginx',
  name: 'nginx',
  apt: 'nginx',
  binary: '/usr/sbin/nginx',
  right: {
    location: `
      proxy_buffering off;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 1h;`,
    http: '',
    listen: '',
    pass: '',
    worker: 'worker_connections 512;',
  },
  http2: ({ certPath, keyPath }) => ({
    listen: ` ssl http2; ssl_certificate ${certPath}; ssl_certificate_key ${keyPath}`,
  }),
  files: ({ location, http, listen, pass, worker }, { directory, port, upstream }) => ({
    'nginx.conf': `
${isRoot ? 'user www-data;' : ''}
worker_processes 1;
pid ${join(directory, 'nginx.pid')};
daemon off;
events { ${worker} }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${join(directory, kind)};`).join(' ')}
  ${http}
  server {
    listen 127.0.0.1:${port}${listen};
    location / {
      proxy_pass http://${upstream}${pass};${location}
    }
  }
}
`,
  }),
  command: ({ directory }) => ['-c', join(directory, 'nginx.conf'), '-p', directory, '-e', 'stderr'],
}

export const haproxy: ProxyKind = {
  title: 'HAProxy',
  name: 'haproxy',
  apt: 'haproxy',
  binary: '/usr/sbin/haproxy',
  right: {
    timeouts: 'timeout client 1h\n  timeout server 1h',
    defaults: 'option abortonclose\n  option http-no-delay',
    backend: '',
    server: '',
    bind: '',
  },
  http2: ({ pemPath }) => ({ bind: ` ssl crt ${pemPath} alpn h2,http/1.1` }),
  files: ({ timeouts, defaults, backend, server, bind }, { port, upstream }) => ({
    'haproxy.cfg': `
global
  maxconn 500
defaults
  mode http
  timeout connect 5s
  ${timeouts}
  ${defaults}
frontend clients
  bind 127.0.0.1:${port}${bind}
  default_backend application
backend application
  ${backend}
  server application ${upstream}${server}
`,
  }),
  command: ({ directory }) => ['-db', '-f', join(directory, 'haproxy.cfg')],
}

export const caddy: ProxyKind = {
  title: 'Caddy',
  name: 'caddy',
  apt: 'caddy',
  binary: '/usr/bin/caddy',
  right: { site: '', proxy: '', address: '', tls: '' },
  http2: ({ certPath, keyPath }) => ({ address: 'https://localhost', tls: `tls ${certPath} ${keyPath}` }),
  files: ({ site, proxy, address, tls }, { port, upstream }) => ({
    Caddyfile: `
{
  admin off
  auto_https disable_redirects
  default_bind 127.0.0.1
  servers {
    protocols h1 h2
  }
}
${address || 'http://127.0.0.1'}:${port} {
  ${tls}
  ${site}
  reverse_proxy ${upstream} {
    ${proxy}
  }
}
`,
  }),
  command: ({ directory }) => ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'],
}

export const apache: ProxyKind = {
  title: 'Apache',
  name: 'apache',
  apt: 'apache2',
  binary: '/usr/sbin/apache2',
  right: { pass: 'flushpackets=on', site: 'ProxyTimeout 3600', modules: '' },
  http2: ({ certPath, keyPath }) => ({
    modules:
      'LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\nLoadModule http2_module /usr/lib/apache2/modules/mod_http2.so\nProtocols h2 http/1.1',
    tls: `SSLEngine on\nSSLCertificateFile ${certPath}\nSSLCertificateKeyFile ${keyPath}`,
  }),
  files: ({ pass, site, modules, tls = '' }, { directory, port, upstream }) => ({
    'apache.conf': `
ServerRoot ${directory}
ServerName localhost
PidFile ${join(directory, 'apache.pid')}
DefaultRuntimeDir ${directory}
Mutex file:${directory}
ErrorLog ${join(directory, 'error.log')}
Listen 127.0.0.1:${port}
${isRoot ? 'User www-data\nGroup www-data' : ''}
${['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers', 'setenvif', 'filter', 'deflate', 'reqtimeout'].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${modules}
<VirtualHost *:${port}>
${tls}
ProxyPass / http://${upstream}/ ${pass}
${site}
</VirtualHost>
`,
  }),
  command: ({ directory }) => ['-f', join(directory, 'apache.conf'), '-D', 'FOREGROUND'],
}

export const lighttpd: ProxyKind = {
  title: 'lighttpd',
  name: 'lighttpd',
  apt: 'lighttpd',
  binary: '/usr/sbin/lighttpd',
  right: {
    server: 'server.stream-response-body = 2\nserver.max-read-idle = 3600\nserver.max-write-idle = 3600',
    modules: '',
  },
  files: ({ server, modules }, { directory, port, upstream }) => ({
    'lighttpd.conf': `
server.modules = ( "mod_proxy"${modules} )
server.document-root = "${directory}"
server.errorlog = "${join(directory, 'error.log')}"
server.bind = "127.0.0.1"
server.port = ${port}
${user ? 'server.username = "www-data"' : ''}
${server}
proxy.server = ( "" => ( ( "host" => "${upstream.split(':')[0]}", "port" => ${upstream.split(':')[1]} ) ) )
`,
  }),
  command: ({ directory }) => ['-D', '-f', join(directory, 'lighttpd.conf')],
}

export const varnish: ProxyKind = {
  title: 'Varnish',
  name: 'varnish',
  apt: 'varnish',
  binary: '/usr/sbin/varnishd',
  right: {
    backend: '.first_byte_timeout = 3600s;\n  .between_bytes_timeout = 3600s;',
    fetch: 'set beresp.do_stream = true;\n  set beresp.uncacheable = true;',
    recv: 'return (pass);',
  },
  files: ({ backend, fetch, recv }, { upstream }) => ({
    'default.vcl': `
vcl 4.1;
backend default {
  .host = "${upstream.split(':')[0]}";
  .port = "${upstream.split(':')[1]}";
  ${backend}
}
sub vcl_recv {
  ${recv}
}
sub vcl_backend_response {
  ${fetch}
}
`,
  }),
  command: ({ directory, port }) => [
    '-F',
    ...['-a', `127.0.0.1:${port}`],
    ...['-f', join(directory, 'default.vcl')],
    ...['-n', join(directory, 'work')],
    ...['-s', 'malloc,64m'],
    ...['-p', 'vcc_allow_inline_c=off'],
  ],
}

export const squid: ProxyKind = {
  title: 'Squid',
  name: 'squid',
  apt: 'squid',
  binary: '/usr/sbin/squid',
  right: { rules: 'read_timeout 1 hour\ncache deny all', peer: 'login=PASSTHRU' },
  files: ({ rules, peer }, { directory, port, upstream }) => ({
    'squid.conf': `
http_port 127.0.0.1:${port} accel defaultsite=localhost no-vhost
cache_peer ${upstream.split(':')[0]} parent ${upstream.split(':')[1]} 0 no-query originserver name=application ${peer}
http_access allow all
never_direct allow all
pid_filename none
cache_log ${join(directory, 'cache.log')}
access_log none
coredump_dir ${directory}
${isRoot ? 'cache_effective_user proxy' : ''}
shutdown_lifetime 0 seconds
${rules}
`,
  }),
  command: ({ directory }) => ['-N', '-f', join(directory, 'squid.conf')],
}

export const mitmproxy: ProxyKind = {
  title: 'mitmproxy',
  name: 'mitmproxy',
  apt: 'mitmproxy',
  binary: '/usr/bin/mitmdump',
  right: {
    addon: `
def responseheaders(flow):
    if flow.response.headers.get("content-type", "").startswith("text/event-stream"):
        flow.response.stream = True
`,
  },
  files: ({ addon }) => ({ 'addon.py': addon! }),
  command: ({ directory, port, upstream }) => [
    ...['--mode', `reverse:http://${upstream}`],
    ...['--listen-host', '127.0.0.1', '--listen-port', String(port)],
    ...['--set', `confdir=${directory}`],
    ...['-s', join(directory, 'addon.py'), '-q'],
  ],
}

export const proxies: readonly ProxyKind[] = [nginx, haproxy, caddy, varnish, apache, squid, lighttpd, mitmproxy]

/** Why a proxy cannot be tried; `undefined` when it can. */
export function whyNot({ title, binary, apt }: ProxyKind): string | undefined {
  return existsSync(binary) ? undefined : `${title} is not installed. To test it: sudo apt-get install ${apt}`
}

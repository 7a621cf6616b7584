import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventStreamHeaders, freePort, heartbeatMs, httpRequest, type Peer, PeerProcess } from './peer.ts'

/** Debian's nginx (`nginx-light`) with `libnginx-mod-nchan`. */
export const nchan: Peer = {
  name: 'nchan',
  description: 'nginx with nchan, 1 worker, events in memory only',
  async start({ directory }) {
    const port = await freePort()
    const configuration = join(directory, 'nginx.conf')
    writeFileSync(configuration, configurationFor(directory, port))
    const nginx = new PeerProcess('nginx', ['-c', configuration, '-p', directory])
    await nginx.listensOn(port)
    return {
      port,
      pid: nginx.pid,
      publishRequest: ({ topic, data }) =>
        httpRequest('POST', `/publish?topic=${encodeURIComponent(topic)}`, { 'Content-Type': 'text/plain' }, data),
      subscribeRequest: (topic, lastEventId) =>
        httpRequest('GET', `/subscribe?topic=${encodeURIComponent(topic)}`, eventStreamHeaders(lastEventId)),
      stop: () => nginx.stop(),
    }
  },
}

function configurationFor(directory: string, port: number): string {
  // Root must name the user of the worker; for other users, the line would only cause a warning.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
${user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log error;
events { worker_connections 19900; }
http {
  access_log off;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  nchan_shared_memory_size 1024M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /publish {
      nchan_publisher;
      nchan_channel_id $arg_topic;
      nchan_message_buffer_length 5000;
      nchan_message_timeout 1h;
    }
    location = /subscribe {
      nchan_subscriber eventsource;
      nchan_channel_id $arg_topic;
      nchan_subscriber_first_message newest;
      nchan_eventsource_ping_interval ${heartbeatMs / 1000};
    }
  }
}
`
}

// What a server without batching cannot go below: the bytes of each event are made once, and each subscriber's socket is given them by
// one send(). One thread, epoll, no care for slow readers beyond waiting for room. The same interface as floor-server.ts, which
// stands in for it where there is no C compiler.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { max_connections = 20000, request_bytes = 72 * 1024, table_size = 32768 };

struct frame { char *bytes; size_t length; };

struct topic {
  char name[128];
  struct frame *frames;
  int frame_count, frame_capacity;
  int *sockets;
  int socket_count, socket_capacity;
};

struct connection {
  char *request;
  size_t length;
  struct topic *topic;
  int index;
  // How many of its topic's frames it was given, and how much of the next; what it waits for when its socket is full.
  int next_frame;
  size_t offset;
  int is_waiting;
};

static struct connection connections[max_connections];
static struct topic *topics[table_size];
static int epoll;

static void *grown(void *array, int *capacity, size_t size) {
  *capacity = *capacity ? *capacity * 2 : 4;
  array = realloc(array, *capacity * size);
  if (!array) exit(1);
  return array;
}

static struct topic *topic_of(const char *name, size_t length) {
  uint32_t hash = 2166136261u;
  if (length > 127) length = 127;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 16777619u;
  for (uint32_t slot = hash % table_size;; slot = (slot + 1) % table_size) {
    if (!topics[slot]) {
      topics[slot] = calloc(1, sizeof(struct topic));
      memcpy(topics[slot]->name, name, length);
      return topics[slot];
    }
    if (!strncmp(topics[slot]->name, name, length) && !topics[slot]->name[length]) return topics[slot];
  }
}

static void watch(int fd, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(epoll, operation, fd, &event);
}

static void end(int fd) {
  struct connection *it = &connections[fd];
  if (it->topic) {
    struct topic *topic = it->topic;
    int last = topic->sockets[--topic->socket_count];
    topic->sockets[it->index] = last;
    connections[last].index = it->index;
  }
  free(it->request);
  memset(it, 0, sizeof *it);
  close(fd);
}

static void give(int fd) {
  struct connection *it = &connections[fd];
  while (it->next_frame < it->topic->frame_count) {
    struct frame frame = it->topic->frames[it->next_frame];
    ssize_t sent = send(fd, frame.bytes + it->offset, frame.length - it->offset, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno != EAGAIN) return;
      if (!it->is_waiting) watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
      it->is_waiting = 1;
      return;
    }
    it->offset += sent;
    if (it->offset < frame.length) continue;
    it->offset = 0;
    it->next_frame++;
  }
  if (it->is_waiting) watch(fd, EPOLLIN, EPOLL_CTL_MOD);
  it->is_waiting = 0;
}

static void answer(int fd, const char *text) {
  if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) perror("send");
}

static void publish(struct topic *topic, const char *data, size_t length) {
  char *block = malloc(length + 64), *bytes = malloc(length + 96);
  // An ID as long as the hub's are.
  int block_length = sprintf(block, "id: 0123456789.%04x.0000000\ndata: ", topic->frame_count);
  memcpy(block + block_length, data, length);
  block_length += length;
  memcpy(block + block_length, "\n\n", 2);
  block_length += 2;
  int frame_length = sprintf(bytes, "%x\r\n", block_length);
  memcpy(bytes + frame_length, block, block_length);
  frame_length += block_length;
  memcpy(bytes + frame_length, "\r\n", 2);
  free(block);
  if (topic->frame_count == topic->frame_capacity)
    topic->frames = grown(topic->frames, &topic->frame_capacity, sizeof(struct frame));
  topic->frames[topic->frame_count++] = (struct frame){bytes, frame_length + 2};
  for (int i = 0; i < topic->socket_count; i++)
    if (!connections[topic->sockets[i]].is_waiting) give(topic->sockets[i]);
}

static void subscribe(int fd, struct topic *topic, const char *request) {
  struct connection *it = &connections[fd];
  const char *header = strcasestr(request, "\r\nlast-event-id:");
  const char *dot = header ? strchr(header, '.') : NULL;
  answer(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  it->topic = topic;
  it->next_frame = dot ? (int)strtol(dot + 1, NULL, 16) + 1 : topic->frame_count;
  if (topic->socket_count == topic->socket_capacity)
    topic->sockets = grown(topic->sockets, &topic->socket_capacity, sizeof(int));
  it->index = topic->socket_count;
  topic->sockets[topic->socket_count++] = fd;
  give(fd);
}

static void take_request(int fd) {
  struct connection *it = &connections[fd];
  char *body = strstr(it->request, "\r\n\r\n");
  if (!body) return;
  body += 4;
  char *header = strcasestr(it->request, "\r\ncontent-length:");
  size_t length = header && header < body ? strtoul(header + 17, NULL, 10) : 0;
  if (it->length < (size_t)(body - it->request) + length) return;
  char *name = strstr(it->request, "topic=");
  if (!name || name > body) {
    end(fd);
    return;
  }
  name += 6;
  struct topic *topic = topic_of(name, strcspn(name, " &"));
  it->length = 0;
  if (it->request[0] == 'P') {
    publish(topic, body, length);
    answer(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  } else
    subscribe(fd, topic, it->request);
}

static void read_from(int fd) {
  struct connection *it = &connections[fd];
  size_t capacity = it->topic ? 64 : request_bytes;
  char ignored[64];
  if (!it->topic && !it->request) it->request = malloc(request_bytes);
  char *to = it->topic ? ignored : it->request + it->length;
  ssize_t got = recv(fd, to, capacity - 1 - (it->topic ? 0 : it->length), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    end(fd);
    return;
  }
  if (it->topic) return;
  it->length += got;
  it->request[it->length] = 0;
  take_request(fd);
  if (it->topic) {
    free(it->request);
    it->request = NULL;
  }
}

static void send_heartbeats(int timer) {
  uint64_t times;
  if (read(timer, &times, sizeof times) < 0) return;
  for (int fd = 0; fd < max_connections; fd++) {
    struct connection *it = &connections[fd];
    if (it->topic && !it->is_waiting && it->next_frame == it->topic->frame_count) answer(fd, "3\r\n:\n\n\r\n");
  }
}

int main(int count, char **arguments) {
  int one = 1, heartbeat_seconds = count > 1 ? atoi(arguments[1]) : 10;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(server, (struct sockaddr *)&address, size) || listen(server, 4096)) return 1;
  getsockname(server, (struct sockaddr *)&address, &size);
  epoll = epoll_create1(0);
  watch(server, EPOLLIN, EPOLL_CTL_ADD);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec interval = {{heartbeat_seconds, 0}, {heartbeat_seconds, 0}};
  timerfd_settime(timer, 0, &interval, NULL);
  watch(timer, EPOLLIN, EPOLL_CTL_ADD);
  printf("listening on %d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event events[256];
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == timer) send_heartbeats(timer);
      else if (fd == server) {
        int accepted;
        while ((accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          if (accepted >= max_connections) {
            close(accepted);
            continue;
          }
          setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          watch(accepted, EPOLLIN, EPOLL_CTL_ADD);
        }
      } else {
        if (events[i].events & EPOLLOUT && connections[fd].topic) give(fd);
        if (events[i].events & ~EPOLLOUT) read_from(fd);
      }
    }
  }
}

#include "bench/peers/original_c.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "chat_client.h"
#include "chat_server.h"

enum { max_descriptors = 65536, room_for_headers = 1024 };

static int epoll_fd = -1;

static void fail(const char* what) {
  fprintf(stderr, "bench: original: %s\n", what);
  exit(1);
}

static void* allocate(size_t size) {
  void* memory = calloc(1, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

static char* make_text(size_t size) {
  char* text = allocate(size + 1);
  memset(text, 'x', size);
  return text;
}

static void make_epoll(void) {
  if (epoll_fd == -1) epoll_fd = epoll_create1(0);
  signal(SIGPIPE, SIG_IGN);
}

// Clients

struct original_connection {
  struct chat_client_t client;
  const struct original_callbacks* callbacks;
  char* text;
};

// Which connection a descriptor belongs to: the code asks for its descriptors to be watched,
// without saying for whom.
static struct original_connection* owners[max_descriptors];
static struct original_connection* active;

static int watch(int epoll, int operation, int fd, uint32_t events) {
  if (operation == EPOLL_CTL_ADD) owners[fd] = active;
  return messi_epoll_ctl_default(epoll, operation, fd, events);
}

static struct original_connection* connection_of(struct chat_client_t* client) {
  return (struct original_connection*)client;
}

static void on_connected(struct chat_client_t* client) {
  struct original_connection* connection = connection_of(client);
  connection->callbacks->on_ready(connection->callbacks->context, connection);
}

static void on_disconnected(struct chat_client_t* client, enum messi_disconnect_reason_t reason) {
  (void)client;
  fail(messi_disconnect_reason_string(reason));
}

static void on_connect_rsp(struct chat_client_t* client, struct chat_connect_rsp_t* message) {
  (void)message;
  struct original_connection* connection = connection_of(client);
  connection->callbacks->on_response(connection->callbacks->context);
}

static void on_client_message_ind(struct chat_client_t* client,
                                  struct chat_message_ind_t* message) {
  struct original_connection* connection = connection_of(client);
  connection->callbacks->on_message(connection->callbacks->context, strlen(message->text_p));
}

void original_connect(int port, size_t text_size, const struct original_callbacks* callbacks) {
  struct original_connection* connection = allocate(sizeof(*connection));
  const size_t size = text_size + room_for_headers;
  char uri[64];
  make_epoll();
  connection->callbacks = callbacks;
  connection->text = make_text(text_size);
  snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%d", port);
  active = connection;
  if (chat_client_init(&connection->client, uri, allocate(size), size, allocate(2 * size), 2 * size,
                       allocate(size), size, allocate(2 * size), 2 * size, on_connected,
                       on_disconnected, on_connect_rsp, on_client_message_ind, epoll_fd,
                       watch) != 0) {
    fail("chat_client_init");
  }
  chat_client_start(&connection->client);
}

void original_send(struct original_connection* connection) {
  struct chat_message_ind_t* message = chat_client_init_message_ind(&connection->client);
  message->user_p = "erik";
  message->text_p = connection->text;
  chat_client_send(&connection->client);
}

void original_request(struct original_connection* connection) {
  chat_client_init_connect_req(&connection->client)->user_p = "erik";
  chat_client_send(&connection->client);
}

void original_set_blocking(struct original_connection* connection, int blocking) {
  const int fd = connection->client.server_fd;
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void original_turn(int timeout_ms) {
  struct epoll_event events[256];
  const int count = epoll_wait(epoll_fd, events, 256, timeout_ms);
  for (int i = 0; i < count; ++i) {
    active = owners[events[i].data.fd];
    chat_client_process(&active->client, events[i].data.fd, events[i].events);
  }
}

// The server

static enum original_mode server_mode;
static char* stream_text;
static struct chat_server_client_t* streamed_to;

static void on_connect_req(struct chat_server_t* server, struct chat_server_client_t* client,
                           struct chat_connect_req_t* message) {
  (void)message;
  chat_server_init_connect_rsp(server);
  chat_server_reply(server);
  if (server_mode == original_stream) streamed_to = client;
}

static void on_server_message_ind(struct chat_server_t* server, struct chat_server_client_t* client,
                                  struct chat_message_ind_t* incoming) {
  (void)client;
  if (server_mode != original_echo && server_mode != original_broadcast) return;
  struct chat_message_ind_t* message = chat_server_init_message_ind(server);
  message->user_p = incoming->user_p;
  message->text_p = incoming->text_p;
  if (server_mode == original_echo) {
    chat_server_reply(server);
  } else {
    chat_server_broadcast(server);
  }
}

static void on_client_disconnected(struct chat_server_t* server,
                                   struct chat_server_client_t* client) {
  (void)server;
  if (client == streamed_to) streamed_to = NULL;
}

// There is no call that says how much is waiting, so nothing can be held back: the rate alone is
// bounded, to 200,000 a second.
static void stream_some(struct chat_server_t* server) {
  for (int i = 0; i < 200 && streamed_to != NULL; ++i) {
    struct chat_message_ind_t* message = chat_server_init_message_ind(server);
    message->user_p = "erik";
    message->text_p = stream_text;
    chat_server_send(server, streamed_to);
  }
}

void original_serve(int port, int max_clients, size_t text_size, enum original_mode mode) {
  static struct chat_server_t server;
  const size_t size = text_size + room_for_headers;
  char uri[64];
  make_epoll();
  server_mode = mode;
  stream_text = make_text(text_size);
  snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%d", port);
  if (chat_server_init(
          &server, uri, allocate((size_t)max_clients * sizeof(struct chat_server_client_t)),
          max_clients, allocate((size_t)max_clients * size), size, allocate(size), size,
          allocate(2 * size), 2 * size, allocate(2 * size), 2 * size, NULL, on_client_disconnected,
          on_connect_req, on_server_message_ind, epoll_fd, NULL) != 0) {
    fail("chat_server_init");
  }
  if (chat_server_start(&server) != 0) fail("chat_server_start");
  printf("port %d\n", port);
  fflush(stdout);
  while (1) {
    struct epoll_event event;
    if (epoll_wait(epoll_fd, &event, 1, streamed_to != NULL ? 1 : -1) == 1) {
      chat_server_process(&server, event.data.fd, event.events);
    }
    if (streamed_to != NULL) stream_some(&server);
  }
}

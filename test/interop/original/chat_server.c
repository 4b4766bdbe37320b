#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "chat_server.h"
#include "endpoint.h"

static struct chat_server_t server;
static struct options_t options;
static struct stream_t stream;
static struct chat_server_client_t *clients_p;
static int *ids_p; /* by place in clients_p */
static int last_id;
static uint8_t *scratch_p; /* for encodings */
static size_t scratch_size;
static uint8_t *workspace_p;
static size_t workspace_size;

static int id_of(struct chat_server_client_t *client_p) {
  return ids_p[client_p - clients_p];
}

static struct chat_server_client_t *find_client(int id) {
  struct chat_server_client_t *client_p = server.clients.connected_list_p;
  while (client_p != NULL && id_of(client_p) != id) client_p = client_p->next_p;
  return client_p;
}

static void on_client_connected(struct chat_server_t *self_p, struct chat_server_client_t *client_p) {
  (void)self_p;
  ids_p[client_p - clients_p] = ++last_id;
  report("connected %d", last_id);
}

static void on_client_disconnected(struct chat_server_t *self_p, struct chat_server_client_t *client_p) {
  (void)self_p;
  report("disconnected %d", id_of(client_p));
}

static void report_from(struct chat_server_client_t *client_p, const char *field_p, int size) {
  char prefix[64];
  snprintf(prefix, sizeof(prefix), "%d %s", id_of(client_p), field_p);
  report_message(prefix, scratch_p, size);
}

static void on_connect_req(struct chat_server_t *self_p,
                           struct chat_server_client_t *client_p,
                           struct chat_connect_req_t *message_p) {
  report_from(client_p, "connect_req", chat_connect_req_encode(message_p, scratch_p, scratch_size));
  chat_server_init_connect_rsp(self_p);
  chat_server_reply(self_p);
}

static void on_message_ind(struct chat_server_t *self_p,
                           struct chat_server_client_t *client_p,
                           struct chat_message_ind_t *message_p) {
  if (stream_received(message_p->text_p)) return;
  report_from(client_p, "message_ind", chat_message_ind_encode(message_p, scratch_p, scratch_size));
  struct chat_message_ind_t *copy_p = chat_server_init_message_ind(self_p);
  copy_p->user_p = message_p->user_p;
  copy_p->text_p = message_p->text_p;
  chat_server_broadcast(self_p);
}

/* Prepares the message that "<field> <hex>" describes. */
static bool prepare(const char *text_p) {
  int skipped = 0;
  if (strncmp(text_p, "connect_rsp", 11) == 0) {
    chat_server_init_connect_rsp(&server);
    return true;
  }
  if (sscanf(text_p, "message_ind %n", &skipped), skipped == 0) return false;
  struct chat_message_ind_t *given_p = chat_message_ind_new(workspace_p, workspace_size);
  chat_message_ind_decode(given_p, scratch_p, bytes_from_hex(&text_p[skipped], scratch_p));
  struct chat_message_ind_t *message_p = chat_server_init_message_ind(&server);
  message_p->user_p = given_p->user_p;
  message_p->text_p = given_p->text_p;
  return true;
}

static void flood(unsigned long count, unsigned long size) {
  char *text_p = allocate(size + 1);
  memset(text_p, '.', size);
  text_p[size] = '\0';
  for (unsigned long i = 0; i < count; i++) {
    chat_server_init_message_ind(&server)->text_p = text_p;
    chat_server_broadcast(&server);
  }
  free(text_p);
  report("flooded %lu", count);
}

static void handle_command(char *line_p) {
  int id;
  int skipped = 0;
  unsigned long count;
  unsigned long size;
  if (stream_command(&stream, line_p) || count_command(line_p)) return;
  if (sscanf(line_p, "flood %lu %lu", &count, &size) == 2) {
    flood(count, size);
  } else if (sscanf(line_p, "send %d %n", &id, &skipped) == 1 && skipped > 0) {
    if (find_client(id) != NULL && prepare(&line_p[skipped])) chat_server_send(&server, find_client(id));
  } else if (sscanf(line_p, "broadcast %n", &skipped), skipped > 0) {
    if (prepare(&line_p[skipped])) chat_server_broadcast(&server);
  } else if (sscanf(line_p, "disconnect %d", &id) == 1) {
    if (find_client(id) != NULL) chat_server_disconnect(&server, find_client(id));
  } else if (strcmp(line_p, "stop") == 0) {
    chat_server_stop(&server);
  } else if (strcmp(line_p, "start") == 0) {
    chat_server_start(&server);
  } else {
    report("bad command: %s", line_p);
  }
}

static void process(int fd, uint32_t events) {
  chat_server_process(&server, fd, events);
}

static bool all_flushed(void) {
  struct chat_server_client_t *client_p = server.clients.connected_list_p;
  if (client_p == NULL) return false;
  while (client_p != NULL) {
    if (client_p->output.head_p != NULL || !writable(client_p->client_fd)) return false;
    client_p = client_p->next_p;
  }
  return true;
}

static bool send_stream(void) {
  for (int i = 0; i < 100 && stream.active && all_flushed() && stream_next(&stream); i++) {
    chat_server_init_message_ind(&server)->text_p = stream.text_p;
    chat_server_broadcast(&server);
  }
  return stream.active;
}

static void report_port(void) {
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  getsockname(server.listener_fd, (struct sockaddr *)&address, &size);
  report("listening %d", ntohs(address.sin_port));
}

int main(int argc, char *argv[]) {
  options = parse_options(argc, argv);
  size_t buffer_size = options.max_payload + sizeof(struct messi_header_t);
  size_t max_clients = (size_t)options.max_clients;
  workspace_size = 4 * options.max_payload + 65536;
  scratch_size = workspace_size;
  scratch_p = allocate(scratch_size);
  workspace_p = allocate(workspace_size);
  clients_p = allocate(max_clients * sizeof(*clients_p));
  ids_p = allocate(max_clients * sizeof(*ids_p));

  int epoll_fd = epoll_create1(0);
  int res = chat_server_init(&server,
                             options.uri_p,
                             clients_p,
                             options.max_clients,
                             allocate(max_clients * buffer_size),
                             buffer_size,
                             allocate(buffer_size),
                             buffer_size,
                             allocate(workspace_size),
                             workspace_size,
                             allocate(workspace_size),
                             workspace_size,
                             on_client_connected,
                             on_client_disconnected,
                             on_connect_req,
                             on_message_ind,
                             epoll_fd,
                             NULL);
  if (res != 0 || chat_server_start(&server) != 0) {
    report("cannot listen");
    return 1;
  }
  report_port();
  run(epoll_fd, handle_command, process, send_stream);
  return 1;
}

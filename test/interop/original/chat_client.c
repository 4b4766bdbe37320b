#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "chat_client.h"
#include "endpoint.h"

static struct chat_client_t client;
static struct options_t options;
static struct stream_t stream;
static uint8_t *scratch_p; /* for encodings */
static size_t scratch_size;
static uint8_t *workspace_p;
static size_t workspace_size;
static bool stop_when_disconnected;

static void on_connected(struct chat_client_t *self_p) {
  (void)self_p;
  report("connected");
}

static void on_disconnected(struct chat_client_t *self_p, enum messi_disconnect_reason_t reason) {
  report("disconnected %s", messi_disconnect_reason_string(reason));
  if (stop_when_disconnected) chat_client_stop(self_p);
}

static void on_connect_rsp(struct chat_client_t *self_p, struct chat_connect_rsp_t *message_p) {
  (void)self_p;
  report_message("connect_rsp", scratch_p, chat_connect_rsp_encode(message_p, scratch_p, scratch_size));
}

static void on_message_ind(struct chat_client_t *self_p, struct chat_message_ind_t *message_p) {
  (void)self_p;
  if (stream_received(message_p->text_p)) return;
  report_message("message_ind", scratch_p, chat_message_ind_encode(message_p, scratch_p, scratch_size));
}

static void send_connect_req(size_t size) {
  struct chat_connect_req_t *given_p = chat_connect_req_new(workspace_p, workspace_size);
  chat_connect_req_decode(given_p, scratch_p, size);
  chat_client_init_connect_req(&client)->user_p = given_p->user_p;
  chat_client_send(&client);
}

static void send_message_ind(size_t size) {
  struct chat_message_ind_t *given_p = chat_message_ind_new(workspace_p, workspace_size);
  chat_message_ind_decode(given_p, scratch_p, size);
  struct chat_message_ind_t *message_p = chat_client_init_message_ind(&client);
  message_p->user_p = given_p->user_p;
  message_p->text_p = given_p->text_p;
  chat_client_send(&client);
}

static void handle_command(char *line_p) {
  int skipped = 0;
  if (stream_command(&stream, line_p) || count_command(line_p)) return;
  if (sscanf(line_p, "send connect_req %n", &skipped), skipped > 0) {
    send_connect_req(bytes_from_hex(&line_p[skipped], scratch_p));
  } else if (sscanf(line_p, "send message_ind %n", &skipped), skipped > 0) {
    send_message_ind(bytes_from_hex(&line_p[skipped], scratch_p));
  } else if (strcmp(line_p, "stop") == 0) {
    chat_client_stop(&client);
  } else if (strcmp(line_p, "start") == 0) {
    chat_client_start(&client);
  } else if (strcmp(line_p, "stop_when_disconnected") == 0) {
    stop_when_disconnected = true;
  } else {
    report("bad command: %s", line_p);
  }
}

static void process(int fd, uint32_t events) {
  chat_client_process(&client, fd, events);
}

static bool send_stream(void) {
  for (int i = 0; i < 100 && stream.active && writable(client.server_fd) && stream_next(&stream); i++) {
    chat_client_init_message_ind(&client)->text_p = stream.text_p;
    chat_client_send(&client);
  }
  return stream.active;
}

int main(int argc, char *argv[]) {
  options = parse_options(argc, argv);
  size_t buffer_size = options.max_payload + sizeof(struct messi_header_t);
  workspace_size = 4 * options.max_payload + 65536;
  scratch_size = workspace_size;
  scratch_p = allocate(scratch_size);
  workspace_p = allocate(workspace_size);

  int epoll_fd = epoll_create1(0);
  int res = chat_client_init(&client,
                             options.uri_p,
                             allocate(buffer_size),
                             buffer_size,
                             allocate(workspace_size),
                             workspace_size,
                             allocate(buffer_size),
                             buffer_size,
                             allocate(workspace_size),
                             workspace_size,
                             on_connected,
                             on_disconnected,
                             on_connect_rsp,
                             on_message_ind,
                             epoll_fd,
                             NULL);
  if (res != 0) {
    report("bad uri");
    return 1;
  }
  chat_client_start(&client);
  run(epoll_fd, handle_command, process, send_stream);
  return 1;
}

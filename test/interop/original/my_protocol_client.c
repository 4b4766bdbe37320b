#include <sys/epoll.h>

#include "endpoint.h"
#include "my_protocol_client.h"

static struct my_protocol_client_t client;

static void on_connected(struct my_protocol_client_t *self_p) {
  report("connected");
  my_protocol_client_init_foo_req(self_p);
  my_protocol_client_send(self_p);
}

static void on_disconnected(struct my_protocol_client_t *self_p, enum messi_disconnect_reason_t reason) {
  (void)self_p;
  report("disconnected %s", messi_disconnect_reason_string(reason));
}

static void on_foo_rsp(struct my_protocol_client_t *self_p, struct my_protocol_foo_rsp_t *message_p) {
  (void)message_p;
  report("message foo_rsp");
  my_protocol_client_init_bar_ind(self_p);
  my_protocol_client_send(self_p);
  my_protocol_client_send(self_p);
}

static void on_fie_req(struct my_protocol_client_t *self_p, struct my_protocol_fie_req_t *message_p) {
  (void)message_p;
  report("message fie_req");
  my_protocol_client_init_fie_rsp(self_p);
  my_protocol_client_send(self_p);
}

static void handle_command(char *line_p) {
  report("bad command: %s", line_p);
}

static void process(int fd, uint32_t events) {
  my_protocol_client_process(&client, fd, events);
}

static bool nothing_to_stream(void) {
  return false;
}

int main(int argc, char *argv[]) {
  struct options_t options = parse_options(argc, argv);
  static uint8_t buffers[4][128];

  int epoll_fd = epoll_create1(0);
  int res = my_protocol_client_init(&client,
                                    options.uri_p,
                                    buffers[0],
                                    sizeof(buffers[0]),
                                    buffers[1],
                                    sizeof(buffers[1]),
                                    buffers[2],
                                    sizeof(buffers[2]),
                                    buffers[3],
                                    sizeof(buffers[3]),
                                    on_connected,
                                    on_disconnected,
                                    on_foo_rsp,
                                    on_fie_req,
                                    epoll_fd,
                                    NULL);
  if (res != 0) {
    report("bad uri");
    return 1;
  }
  my_protocol_client_start(&client);
  run(epoll_fd, handle_command, process, nothing_to_stream);
  return 1;
}

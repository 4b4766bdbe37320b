#include <sys/epoll.h>

#include "endpoint.h"
#include "my_protocol_server.h"

#define MAX_CLIENTS 10

static struct my_protocol_server_t server;
static int bar_inds;

static void on_client_connected(struct my_protocol_server_t *self_p,
                                struct my_protocol_server_client_t *client_p) {
  (void)self_p;
  (void)client_p;
  bar_inds = 0;
  report("connected 1");
}

static void on_client_disconnected(struct my_protocol_server_t *self_p,
                                   struct my_protocol_server_client_t *client_p) {
  (void)self_p;
  (void)client_p;
  report("disconnected 1");
}

static void on_foo_req(struct my_protocol_server_t *self_p,
                       struct my_protocol_server_client_t *client_p,
                       struct my_protocol_foo_req_t *message_p) {
  (void)client_p;
  (void)message_p;
  report("message 1 foo_req");
  my_protocol_server_init_foo_rsp(self_p);
  my_protocol_server_reply(self_p);
}

static void on_bar_ind(struct my_protocol_server_t *self_p,
                       struct my_protocol_server_client_t *client_p,
                       struct my_protocol_bar_ind_t *message_p) {
  (void)message_p;
  report("message 1 bar_ind");
  if (++bar_inds == 2) {
    my_protocol_server_init_fie_req(self_p);
    my_protocol_server_send(self_p, client_p);
  }
}

static void on_fie_rsp(struct my_protocol_server_t *self_p,
                       struct my_protocol_server_client_t *client_p,
                       struct my_protocol_fie_rsp_t *message_p) {
  (void)message_p;
  report("message 1 fie_rsp");
  my_protocol_server_disconnect(self_p, client_p);
}

static void handle_command(char *line_p) {
  report("bad command: %s", line_p);
}

static void process(int fd, uint32_t events) {
  my_protocol_server_process(&server, fd, events);
}

static bool nothing_to_stream(void) {
  return false;
}

int main(int argc, char *argv[]) {
  struct options_t options = parse_options(argc, argv);
  static struct my_protocol_server_client_t clients[MAX_CLIENTS];
  static uint8_t input_buffers[MAX_CLIENTS][128];
  static uint8_t buffers[3][128];

  int epoll_fd = epoll_create1(0);
  int res = my_protocol_server_init(&server,
                                    options.uri_p,
                                    clients,
                                    MAX_CLIENTS,
                                    input_buffers[0],
                                    sizeof(input_buffers[0]),
                                    buffers[0],
                                    sizeof(buffers[0]),
                                    buffers[1],
                                    sizeof(buffers[1]),
                                    buffers[2],
                                    sizeof(buffers[2]),
                                    on_client_connected,
                                    on_client_disconnected,
                                    on_foo_req,
                                    on_bar_ind,
                                    on_fie_rsp,
                                    epoll_fd,
                                    NULL);
  if (res != 0 || my_protocol_server_start(&server) != 0) {
    report("cannot listen");
    return 1;
  }
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  getsockname(server.listener_fd, (struct sockaddr *)&address, &size);
  report("listening %d", ntohs(address.sin_port));
  run(epoll_fd, handle_command, process, nothing_to_stream);
  return 1;
}

// examples/device/firmware.cc with the original's C client: a member of a chat that says again what
// it hears. Below it is what the client needs of Linux, as little as does for one serial line.

#include <errno.h>
#include <unistd.h>

#include "chat_client.h"
#include "linux.h"

// board.h, which is C++
void board_start(void);
uint32_t board_milliseconds(void);
bool board_read(char *byte_p);
bool board_write(char byte);

static struct chat_client_t client;
// Its buffers. What is received is decoded into the workspace, with a copy of each text.
static uint8_t memory_for_input[132];
static uint8_t memory_for_decoded[256];
static uint8_t memory_for_output[132];
static uint8_t memory_for_sending[64];

static void say(char *text_p) {
  struct chat_message_ind_t *message_p = chat_client_init_message_ind(&client);
  message_p->user_p = "board";
  message_p->text_p = text_p;
  chat_client_send(&client);
}

static void on_connected(struct chat_client_t *self_p) {
  chat_client_init_connect_req(self_p)->user_p = "board";
  chat_client_send(self_p);
}

static void on_connect_rsp(struct chat_client_t *self_p, struct chat_connect_rsp_t *message_p) {
  (void)self_p;
  (void)message_p;
  say("here");
}

static void on_message_ind(struct chat_client_t *self_p, struct chat_message_ind_t *message_p) {
  (void)self_p;
  if (strcmp(message_p->user_p, "board") != 0) say(message_p->text_p);
}

enum { kSerialLine = 3, kFirstTimer = 4, kTimers = 2 };

static uint64_t now;  // in milliseconds
static struct {
  bool used;
  uint64_t due;  // 0 if it is not set
} timers[kTimers];
static bool peeked;
static char next;

static bool input(void) {
  if (!peeked) peeked = board_read(&next);
  return peeked;
}

int main(void) {
  board_start();
  chat_client_init(&client, "tcp://0.0.0.0:0", memory_for_input, sizeof(memory_for_input),
                   memory_for_decoded, sizeof(memory_for_decoded), memory_for_output,
                   sizeof(memory_for_output), memory_for_sending, sizeof(memory_for_sending),
                   on_connected, NULL, on_connect_rsp, on_message_ind, 0, NULL);
  chat_client_start(&client);
  while (true) {
    now += board_milliseconds();
    if (input()) chat_client_process(&client, kSerialLine, EPOLLIN);
    for (int i = 0; i < kTimers; i++) {
      if (timers[i].due == 0 || timers[i].due > now) continue;
      timers[i].due = 0;
      chat_client_process(&client, kFirstTimer + i, EPOLLIN);
    }
  }
}

int *__errno(void) {
  static int error;
  return &error;
}

ssize_t read(int fd, void *to_p, size_t size) {
  if (fd != kSerialLine) return sizeof(uint64_t);  // of a timer that is due
  size_t count = 0;
  while (count < size && input()) {
    ((char *)to_p)[count++] = next;
    peeked = false;
  }
  if (count > 0) return (ssize_t)count;
  errno = EAGAIN;
  return -1;
}

// The client takes less than all for the end of the connection, so it waits.
ssize_t write(int fd, const void *from_p, size_t size) {
  (void)fd;
  for (size_t i = 0; i < size;) {
    if (board_write(((const char *)from_p)[i])) i++;
  }
  return (ssize_t)size;
}

int close(int fd) {
  if (fd >= kFirstTimer) memset(&timers[fd - kFirstTimer], 0, sizeof(timers[0]));
  return 0;
}

int timerfd_create(int clock, int flags) {
  (void)clock;
  (void)flags;
  for (int i = 0; i < kTimers; i++) {
    if (timers[i].used) continue;
    timers[i].used = true;
    return kFirstTimer + i;
  }
  return -1;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *to_p, struct itimerspec *old_p) {
  (void)flags;
  (void)old_p;
  timers[fd - kFirstTimer].due = now + 1000 * (uint64_t)to_p->it_value.tv_sec;
  return 0;
}

int socket(int domain, int type, int protocol) {
  (void)domain;
  (void)type;
  (void)protocol;
  return kSerialLine;
}

int connect(int fd, const struct sockaddr *address_p, unsigned size) {
  (void)fd;
  (void)address_p;
  (void)size;
  return 0;
}

int inet_aton(const char *text_p, struct in_addr *address_p) {
  (void)text_p;
  address_p->s_addr = 0;
  return 1;
}

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event_p) {
  (void)epoll_fd;
  (void)op;
  (void)fd;
  (void)event_p;
  return 0;
}

int fcntl(int fd, int command, ...) {
  (void)fd;
  (void)command;
  return 0;
}

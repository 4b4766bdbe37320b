#include "endpoint.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static uint64_t received;

struct options_t parse_options(int argc, char *argv[]) {
  struct options_t options = {.uri_p = NULL, .max_payload = 1 << 20, .max_clients = 10};
  bool ignore_sigpipe = true;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--max-payload") == 0 && i + 1 < argc) {
      options.max_payload = strtoul(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--max-clients") == 0 && i + 1 < argc) {
      options.max_clients = atoi(argv[++i]);
    } else if (strcmp(argv[i], "--sigpipe") == 0) {
      ignore_sigpipe = false;
    } else {
      options.uri_p = argv[i];
    }
  }
  if (options.uri_p == NULL) {
    fprintf(stderr, "usage: %s <uri> [--max-payload <bytes>] [--max-clients <n>] [--sigpipe]\n", argv[0]);
    exit(2);
  }
  if (ignore_sigpipe) signal(SIGPIPE, SIG_IGN);
  return options;
}

void report(const char *format_p, ...) {
  va_list arguments;
  va_start(arguments, format_p);
  vprintf(format_p, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

void report_message(const char *prefix_p, const uint8_t *buf_p, int size) {
  printf("message %s ", prefix_p);
  for (int i = 0; i < size; i++) printf("%02x", buf_p[i]);
  putchar('\n');
  fflush(stdout);
}

void *allocate(size_t size) {
  void *buf_p = malloc(size);
  if (buf_p == NULL) abort();
  return buf_p;
}

void read_commands(void (*handle)(char *line_p)) {
  static char *buf_p;
  static size_t capacity;
  static size_t size;

  while (true) {
    if (capacity - size < 4096) {
      capacity = 2 * capacity + 65536;
      buf_p = realloc(buf_p, capacity);
      if (buf_p == NULL) abort();
    }
    ssize_t res = read(STDIN_FILENO, &buf_p[size], capacity - size - 1);
    if (res == 0) exit(0);
    if (res < 0) break;
    size += (size_t)res;
  }

  char *line_p = buf_p;
  char *end_p;
  buf_p[size] = '\0';
  while ((end_p = strchr(line_p, '\n')) != NULL) {
    *end_p = '\0';
    handle(line_p);
    line_p = end_p + 1;
  }
  size -= (size_t)(line_p - buf_p);
  memmove(buf_p, line_p, size);
}

size_t bytes_from_hex(const char *hex_p, uint8_t *buf_p) {
  size_t size = 0;
  for (; hex_p[0] != '\0' && hex_p[1] != '\0'; hex_p += 2) {
    char pair[3] = {hex_p[0], hex_p[1], '\0'};
    buf_p[size++] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return size;
}

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool stream_command(struct stream_t *self_p, const char *line_p) {
  unsigned long first;
  unsigned long size;
  unsigned long per_second;
  self_p->begin_ms = now_ms();
  if (sscanf(line_p, "stream %lu %lu", &first, &size) == 2) {
    self_p->count = first;
    self_p->deadline_ms = UINT64_MAX;
    self_p->per_second = UINT64_MAX / 1000000;
  } else if (sscanf(line_p, "stream_for %lu %lu %lu", &first, &size, &per_second) == 3) {
    self_p->count = UINT64_MAX;
    self_p->deadline_ms = self_p->begin_ms + first * 1000;
    self_p->per_second = per_second;
  } else {
    return false;
  }
  free(self_p->text_p);
  self_p->text_p = allocate(size + 1);
  self_p->size = size;
  self_p->next = 0;
  self_p->active = true;
  return true;
}

bool stream_next(struct stream_t *self_p) {
  if (!self_p->active) return false;
  uint64_t now = now_ms();
  if (self_p->next == self_p->count || now >= self_p->deadline_ms) {
    self_p->active = false;
    report("streamed %llu", (unsigned long long)self_p->next);
    return false;
  }
  if (self_p->next * 1000 > (now - self_p->begin_ms + 1) * self_p->per_second) return false;
  char number[24];
  int length = snprintf(number, sizeof(number), "#%llu", (unsigned long long)self_p->next++);
  memset(self_p->text_p, '.', self_p->size);
  memcpy(self_p->text_p, number, (size_t)length < self_p->size ? (size_t)length : self_p->size);
  self_p->text_p[self_p->size] = '\0';
  return true;
}

bool stream_received(const char *text_p) {
  if (text_p[0] != '#') return false;
  uint64_t number = strtoull(&text_p[1], NULL, 10);
  if (number != received && number != 0) {
    report("disorder %llu %llu", (unsigned long long)received, (unsigned long long)number);
  }
  received = number + 1;
  return true;
}

bool count_command(const char *line_p) {
  if (strcmp(line_p, "count") != 0) return false;
  report("counted %llu", (unsigned long long)received);
  return true;
}

bool writable(int fd) {
  struct pollfd item = {.fd = fd, .events = POLLOUT};
  return fd != -1 && poll(&item, 1, 0) == 1 && (item.revents & POLLOUT) != 0;
}

void run(int epoll_fd,
         void (*handle_command)(char *line_p),
         void (*process)(int fd, uint32_t events),
         bool (*idle)(void)) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL, 0) | O_NONBLOCK);
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);

  bool streaming = false;
  while (true) {
    int res = epoll_wait(epoll_fd, &event, 1, streaming ? 1 : -1);
    if (res == 1 && event.data.fd == STDIN_FILENO) {
      read_commands(handle_command);
    } else if (res == 1) {
      process(event.data.fd, event.events);
    }
    streaming = idle();
  }
}

#ifndef MESSI_TEST_INTEROP_ENDPOINT_H_
#define MESSI_TEST_INTEROP_ENDPOINT_H_

/*
 * What the endpoints around the original's C code have in common: options, commands from standard
 * input and events to standard output as test/conformance/README.md describes them, and streams of
 * numbered messages.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options_t {
  const char *uri_p;
  size_t max_payload;
  int max_clients;
};

/* Exits with a message if the arguments are wrong. SIGPIPE is ignored unless --sigpipe is given. */
struct options_t parse_options(int argc, char *argv[]);

/* One event, with its newline, at once. */
void report(const char *format_p, ...) __attribute__((format(printf, 1, 2)));
void report_message(const char *prefix_p, const uint8_t *buf_p, int size);

void *allocate(size_t size);

/* Reads what standard input has; calls `handle` for each whole line. Exits at the end of input. */
void read_commands(void (*handle)(char *line_p));

/* "0a1b" to bytes in `buf_p`, which must have room for them. Returns their number. */
size_t bytes_from_hex(const char *hex_p, uint8_t *buf_p);

/* A stream that is being sent. */
struct stream_t {
  bool active;
  uint64_t next;
  uint64_t count;
  uint64_t begin_ms;
  uint64_t deadline_ms;
  uint64_t per_second;
  char *text_p; /* of the next message */
  size_t size;
};

/* Starts a stream if the line is a command that does. */
bool stream_command(struct stream_t *self_p, const char *line_p);

/* True if it is time for another message; its text is then in `text_p`. Reports the end. */
bool stream_next(struct stream_t *self_p);

/* Whether the text belongs to a stream; if so it is counted. */
bool stream_received(const char *text_p);

/* "count": reports how many messages of the stream have come. */
bool count_command(const char *line_p);

bool writable(int fd);

/* Waits for events on `epoll_fd`: standard input's become commands, others go to `process`; `idle`
 * sends streams. */
void run(int epoll_fd, void (*handle_command)(char *line_p),
         void (*process)(int fd, uint32_t events), bool (*idle)(void));

#endif

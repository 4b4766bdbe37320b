#ifndef MESSI_BENCH_PEERS_ORIGINAL_C_H_
#define MESSI_BENCH_PEERS_ORIGINAL_C_H_

// The original's generated C code behind a few calls, since its headers cannot be included from
// C++.

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct original_connection;

struct original_callbacks {
  void* context;
  void (*on_ready)(void* context, struct original_connection* connection);
  void (*on_message)(void* context, size_t text_size);
  void (*on_response)(void* context);
};

// Clients. They share one epoll descriptor, as a program with several of them would have it.
void original_connect(int port, size_t text_size, const struct original_callbacks* callbacks);
void original_send(struct original_connection* connection);
void original_request(struct original_connection* connection);
// As shipped, the client drops its connection on a short write; so a peer that streams makes its
// socket blocking.
void original_set_blocking(struct original_connection* connection, int blocking);
// Handles what happens within `timeout_ms`.
void original_turn(int timeout_ms);

enum original_mode { original_sink, original_echo, original_broadcast, original_stream };

// Listens at `port`, which cannot be 0, and never returns.
void original_serve(int port, int max_clients, size_t text_size, enum original_mode mode);

#ifdef __cplusplus
}
#endif

#endif  // MESSI_BENCH_PEERS_ORIGINAL_C_H_

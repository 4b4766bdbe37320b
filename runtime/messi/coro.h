#ifndef MESSI_CORO_H_
#define MESSI_CORO_H_

// Coroutines, for C++20. doc/coroutines.md is the page about them.

#include "messi/coro/client.h"
#include "messi/coro/job.h"
#include "messi/coro/server.h"
#include "messi/coro/sleep.h"
#include "messi/coro/task.h"

#endif  // MESSI_CORO_H_

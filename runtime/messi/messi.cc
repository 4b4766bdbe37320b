// The compiled flavour of the runtime, whole: see flavour.h.

#ifndef MESSI_COMPILED
#error "messi.cc is for programs that define MESSI_COMPILED, for all of their sources"
#endif

#include "messi/impl/arrivals.h"
#include "messi/impl/broadcasts.h"
#include "messi/impl/calls.h"
#include "messi/impl/client.h"
#include "messi/impl/client_calls.h"
#include "messi/impl/client_introduction.h"
#include "messi/impl/client_sessions.h"
#include "messi/impl/group.h"
#include "messi/impl/introductions.h"
#include "messi/impl/sender.h"
#include "messi/impl/server.h"
#include "messi/impl/server_calls.h"
#include "messi/impl/server_client.h"
#include "messi/impl/server_sessions_impl.h"
#include "messi/impl/shard.h"
#include "messi/io/impl/epoll_loop.h"

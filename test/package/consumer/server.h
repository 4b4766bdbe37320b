#ifndef CONSUMER_SERVER_H_
#define CONSUMER_SERVER_H_

#include <memory>

#include "chat.messi.h"

std::unique_ptr<chat::ChatServer> make_server(messi::EventLoop& loop);
bool has_tls(messi::EventLoop& loop);

#endif  // CONSUMER_SERVER_H_

// A server and a client that call each other, in one program: see README.md.

#include <chrono>
#include <iostream>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "cinema.messi.h"
#include "messi/io/epoll_loop.h"

using namespace std::chrono_literals;

class Server final : public cinema::CinemaServer {
 public:
  using CinemaServer::CinemaServer;

  // A seat is booked when the client has paid, so the answer comes after the hook.
  void on_book_seat(Client& client, const cinema::BookSeat& request) override {
    const int seat = request.seat();
    messi::Responder<cinema::SeatBooked> responder = answer_later(request);
    if (taken_.count(seat) > 0)
      return responder.fail(absl::AlreadyExistsError("the seat is taken"));
    cinema::PayReq pay;
    pay.set_euros(12);
    client.call(pay, 2s,
                [this, seat, responder = std::move(responder)](
                    const messi::CallResult<cinema::PayRsp>& paid) mutable {
                  if (!paid.ok()) return responder.fail(paid.status());
                  taken_.insert(seat);
                  cinema::SeatBooked booked;
                  booked.set_ticket("ticket for seat " + std::to_string(seat));
                  responder.reply(booked);
                });
  }

 private:
  std::set<int> taken_;
};

class Client final : public cinema::CinemaClient {
 public:
  using CinemaClient::CinemaClient;

  void on_connected() override { book(7); }

  void on_pay_req(const cinema::PayReq& request) override {
    std::cout << "Paying " << request.euros() << " euros." << std::endl;
    reply(cinema::PayRsp());
  }

 private:
  void book(int seat) {
    cinema::BookSeat request;
    request.set_seat(seat);
    call(request, 5s, [this, seat](const messi::CallResult<cinema::SeatBooked>& result) {
      if (result.ok()) {
        std::cout << "Got a " << result->ticket() << '.' << std::endl;
        return book(seat);
      }
      std::cout << "No seat: " << result.status().message() << '.' << std::endl;
      stop();
    });
  }
};

int main() {
  messi::EpollLoop loop;
  messi::ServerOptions server_options;
  server_options.handshake = true;  // so that answers name their requests
  Server server(loop, "tcp://127.0.0.1:0", server_options);
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  messi::ClientOptions client_options;
  client_options.handshake = true;
  Client client(loop, server.uri(), client_options);
  client.start();
  loop.run_until([&] { return client.stopped(); });
}

#ifndef MESSI_BENCH_PEERS_GRPC_STREAMS_H_
#define MESSI_BENCH_PEERS_GRPC_STREAMS_H_

// What the peers for gRPC's two APIs have in common.

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "bench/common/scenario.h"
#include "bench/peers/messages.h"
#include "chat_service.grpc.pb.h"

namespace bench {

// A connection of its own for each caller.
inline std::shared_ptr<grpc::Channel> connect_channel(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel("ipv4:127.0.0.1:" + std::to_string(port),
                                           grpc::InsecureChannelCredentials(), arguments);
  channel->WaitForConnected(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(20, GPR_TIMESPAN)));
  return channel;
}

inline chat::ServerToClient connect_response() {
  chat::ServerToClient wrapper;
  wrapper.mutable_connect_rsp();
  return wrapper;
}

}  // namespace bench

#endif  // MESSI_BENCH_PEERS_GRPC_STREAMS_H_

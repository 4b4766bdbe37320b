#ifndef MESSI_BENCH_PEERS_GRPC_STREAMS_H_
#define MESSI_BENCH_PEERS_GRPC_STREAMS_H_

// What the peers for gRPC's two APIs have in common.

#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "bench/common/scenario.h"
#include "bench/peers/messages.h"
#include "chat_service.grpc.pb.h"

namespace bench {

inline std::string file(const Options& options, const std::string& name) {
  std::ifstream in(options.tls + "/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::shared_ptr<grpc::ServerCredentials> server_credentials(const Options& options) {
  if (options.tls.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({file(options, "server_key.pem"), file(options, "server.pem")});
  return grpc::SslServerCredentials(tls);
}

// A connection of its own for each caller.
inline std::shared_ptr<grpc::Channel> connect_channel(const Options& options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!options.tls.empty()) {
    credentials = grpc::SslCredentials({file(options, "ca.pem"), "", ""});
    arguments.SetSslTargetNameOverride("localhost");
  }
  auto channel = grpc::CreateCustomChannel("ipv4:127.0.0.1:" + std::to_string(options.port),
                                           credentials, arguments);
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

// A minimal client, with gRPC.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

#include "chat_service.grpc.pb.h"

int main(int argc, char** argv) {
  const auto channel = grpc::CreateChannel(argc > 1 ? argv[1] : "127.0.0.1:6000",
                                           grpc::InsecureChannelCredentials());
  const auto stub = chat::Chat::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Talk(&context);
  chat::ClientToServer request;
  request.mutable_connect_req()->set_user("erik");
  stream->Write(request);
  chat::ServerToClient incoming;
  while (stream->Read(&incoming)) {
    if (!incoming.has_message_ind()) continue;
    const chat::MessageInd& message = incoming.message_ind();
    std::printf("<%s> %s\n", message.user().c_str(), message.text().c_str());
  }
  return stream->Finish().ok() ? 0 : 1;
}

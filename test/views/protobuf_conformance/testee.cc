// A program for protobuf's conformance_test_runner, which sends it requests: what comes in binary
// and is wanted in binary is decoded and encoded as a struct, and all else is skipped. The requests
// are structs too.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "conformance/conformance.messi.h"
#include "google/protobuf/test_messages_proto3.messi.h"
#include "google/protobuf/test_messages_proto3_editions.messi.h"

namespace {

using conformance::ConformanceRequest;
using conformance::ConformanceResponse;
using conformance::WireFormat;
using Answer = ConformanceResponse::ResultCase;

bool read_all(char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::read(STDIN_FILENO, to, size);
    if (count <= 0) return false;
    to += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_all(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data() + at, bytes.size() - at);
    if (count <= 0) return false;
    at += static_cast<std::size_t>(count);
  }
  return true;
}

template <typename T>
bool encode_to(std::string& bytes, const T& message) {
  bytes.resize(messi::encoded_size(message));
  auto* const begin = reinterpret_cast<std::uint8_t*>(bytes.data());
  return messi::encode(message, begin) == begin + bytes.size();
}

/// The answer may be in `bytes`.
template <typename T>
ConformanceResponse converted(std::string_view payload, std::string& bytes) {
  T message;
  if (!messi::decode(payload, message)) {
    return {messi::choose<Answer::kParseError>(std::string_view("it is no message"))};
  }
  if (!encode_to(bytes, message)) {
    return {messi::choose<Answer::kSerializeError>(std::string_view("it cannot be encoded"))};
  }
  return {messi::choose<Answer::kProtobufPayload>(std::string_view(bytes))};
}

ConformanceResponse answer_to(const ConformanceRequest& request, std::string& bytes) {
  using Asked = ConformanceRequest::PayloadCase;
  const auto* const payload = request.payload.get<Asked::kProtobufPayload>();
  if (request.message_type == "conformance.FailureSet") {
    return {messi::choose<Answer::kProtobufPayload>(std::string_view())};
  }
  if (payload == nullptr || request.requested_output_format != WireFormat::PROTOBUF) {
    return {messi::choose<Answer::kSkipped>(std::string_view("only binary"))};
  }
  if (request.message_type == "protobuf_test_messages.proto3.TestAllTypesProto3") {
    return converted<protobuf_test_messages::proto3::TestAllTypesProto3>(*payload, bytes);
  }
  if (request.message_type == "protobuf_test_messages.editions.proto3.TestAllTypesProto3") {
    return converted<protobuf_test_messages::editions::proto3::TestAllTypesProto3>(*payload, bytes);
  }
  return {messi::choose<Answer::kSkipped>(std::string_view("refused by the plugin"))};
}

}  // namespace

int main() {
  std::string input;
  std::string bytes;
  std::string output;
  std::uint32_t size;  // little-endian, as this machine is
  while (read_all(reinterpret_cast<char*>(&size), sizeof size)) {
    input.resize(size);
    ConformanceRequest request;
    if (!read_all(input.data(), size) || !messi::decode(input, request)) return 1;
    if (!encode_to(output, answer_to(request, bytes))) return 1;
    size = static_cast<std::uint32_t>(output.size());
    output.insert(0, reinterpret_cast<const char*>(&size), sizeof size);
    if (!write_all(output)) return 1;
  }
}

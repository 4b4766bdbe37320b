#include <google/protobuf/stubs/common.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "editions.h"
#include "generator.h"
#include "languages.h"
#include "messi/version.h"
#include "request.h"

namespace {

void print_version() {
  constexpr int kVersion = GOOGLE_PROTOBUF_VERSION;
  std::printf("protoc-gen-messi %s (runtime API %d, built with protobuf %d.%d.%d)\n", MESSI_VERSION,
              MESSI_RUNTIME_API, kVersion / 1000000, kVersion / 1000 % 1000, kVersion % 1000);
}

void print_help(std::FILE* out) {
  std::fprintf(out,
               "protoc-gen-messi %s: the protoc plugin that generates messi clients and servers.\n"
               "\n"
               "It is run by protoc, which finds it in PATH:\n"
               "\n"
               "  protoc --cpp_out=. --messi_out=. chat.proto\n"
               "  protoc --cpp_out=. --messi_out=. --messi_opt=side=client chat.proto\n"
               "\n"
               "or where it is told to look:\n"
               "\n"
               "  protoc --plugin=protoc-gen-messi=path/to/protoc-gen-messi ...\n"
               "\n"
               "A protocol is a proto file with the messages ClientToServer and ServerToClient,\n"
               "each with one oneof, messages, and nothing else.\n"
               "\n"
               "Options, separated by commas:\n"
               "\n"
               "%s",
               MESSI_VERSION, messi::plugin::options_help(messi::plugin::languages()).c_str());
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc == 1) {
    return messi::plugin::run_plugin(argc, argv,
                                     messi::plugin::Generator(messi::plugin::languages()));
  }
  const std::string_view argument = argv[1];
  if (argument == "--version") {
    print_version();
    return 0;
  }
  if (argument == "--help" || argument == "-h") {
    print_help(stdout);
    return 0;
  }
  std::fprintf(stderr, "protoc-gen-messi: unknown argument %s\n\n", argv[1]);
  print_help(stderr);
  return 1;
}

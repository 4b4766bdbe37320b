// A plugin for protoc with a list of languages of its own.

#include "editions.h"
#include "generator.h"
#include "json_emitter.h"
#include "languages.h"

int main(int argc, char* argv[]) {
  const messi::plugin::Languages languages = {{"json", messi::plugin::json::make_emitter}};
  return messi::plugin::run_plugin(argc, argv, messi::plugin::Generator(languages));
}

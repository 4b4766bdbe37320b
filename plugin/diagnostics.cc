#include "diagnostics.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace messi::plugin {
namespace {

std::string place(const Location& location) {
  std::string text;
  if (!location.file.empty()) text += location.file + ':';
  if (location.line > 0) {
    text += std::to_string(location.line) + ':' + std::to_string(location.column) + ':';
  }
  return text.empty() ? text : text + ' ';
}

}  // namespace

void Diagnostics::error(const Location& location, std::string_view problem,
                        std::string_view remedy) {
  std::string text(problem);
  text += "; ";
  text += remedy;
  add(Error{location, std::move(text)});
}

void Diagnostics::warning(const Location& location, std::string_view problem,
                          std::string_view remedy) {
  warnings_ += place(location) + "warning: " + std::string(problem) + "; " + std::string(remedy);
  warnings_ += '\n';
}

void Diagnostics::add(Diagnostics other) {
  warnings_ += other.warnings_;
  for (Error& error : other.errors_) add(std::move(error));
}

void Diagnostics::add(Error error) {
  // Several protocols may import a file with an error.
  const auto is_same = [&](const Error& other) {
    return std::tie(other.location.file, other.location.line, other.location.column, other.text) ==
           std::tie(error.location.file, error.location.line, error.location.column, error.text);
  };
  if (std::any_of(errors_.begin(), errors_.end(), is_same)) return;
  const auto is_same_file = [&](const Error& other) {
    return other.location.file == error.location.file;
  };
  const auto is_later = [&](const Error& other) {
    return std::tie(other.location.line, other.location.column) >
           std::tie(error.location.line, error.location.column);
  };
  auto place = std::find_if(errors_.begin(), errors_.end(), is_same_file);
  while (place != errors_.end() && is_same_file(*place) && !is_later(*place)) ++place;
  errors_.insert(place, std::move(error));
}

std::string Diagnostics::report() const {
  std::string report =
      std::to_string(errors_.size()) + (errors_.size() == 1 ? " error" : " errors");
  for (const Error& error : errors_)
    report += '\n' + place(error.location) + "error: " + error.text;
  return report;
}

}  // namespace messi::plugin

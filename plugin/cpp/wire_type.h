#ifndef MESSI_PLUGIN_CPP_WIRE_TYPE_H_
#define MESSI_PLUGIN_CPP_WIRE_TYPE_H_

#include <cstdint>

#include "../schema.h"

namespace messi::plugin::cpp {

// How the wire has a field.
inline constexpr std::uint32_t kVarint = 0;
inline constexpr std::uint32_t kFixed64 = 1;
inline constexpr std::uint32_t kLengthDelimited = 2;
inline constexpr std::uint32_t kFixed32 = 5;

inline std::uint32_t wire_type(FieldType type) {
  switch (type) {
    case FieldType::kString:
    case FieldType::kBytes:
    case FieldType::kMessage:
      return kLengthDelimited;
    case FieldType::kFixed32:
    case FieldType::kSfixed32:
    case FieldType::kFloat:
      return kFixed32;
    case FieldType::kFixed64:
    case FieldType::kSfixed64:
    case FieldType::kDouble:
      return kFixed64;
    default:
      return kVarint;
  }
}

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_WIRE_TYPE_H_

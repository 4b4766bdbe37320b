#ifndef MESSI_CODEC_PROTOBUF_H_
#define MESSI_CODEC_PROTOBUF_H_

// From messages to bytes and back: the headers that generated code uses.

#include "messi/codec/kind.h"      // IWYU pragma: export
#include "messi/codec/received.h"  // IWYU pragma: export
#include "messi/codec/send.h"      // IWYU pragma: export

#endif  // MESSI_CODEC_PROTOBUF_H_

#ifndef MESSI_CODEC_PROTOBUF_H_
#define MESSI_CODEC_PROTOBUF_H_

// Where messages become bytes and bytes messages. What generated code uses of it.

#include "messi/codec/kind.h"      // IWYU pragma: export
#include "messi/codec/received.h"  // IWYU pragma: export
#include "messi/codec/send.h"      // IWYU pragma: export

#endif  // MESSI_CODEC_PROTOBUF_H_

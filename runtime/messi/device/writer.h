#ifndef MESSI_DEVICE_WRITER_H_
#define MESSI_DEVICE_WRITER_H_

#include <string_view>

#include "messi/base/utf8.h"
#include "messi/views/writer.h"

namespace messi::device {

/// Writes what a Sizer has measured. It checks text with the code that checks received text, which
/// is slower than to check while copying, and half a kilobyte less.
class Writer : public views::Writer {
 public:
  using views::Writer::Writer;

  /// False if a text is not UTF-8.
  bool ok() const { return ok_; }

  void text(std::string_view text) {
    if (!is_utf8(text)) ok_ = false;
    bytes(text);
  }
  template <typename Put>
  void delimited(const Put& put) {
    views::Sizer sizer;
    put(sizer);
    varint(sizer.size());
    put(*this);
  }

 private:
  bool ok_ = true;
};

}  // namespace messi::device

#endif  // MESSI_DEVICE_WRITER_H_

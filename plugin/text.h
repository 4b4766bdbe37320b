#ifndef MESSI_PLUGIN_TEXT_H_
#define MESSI_PLUGIN_TEXT_H_

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace messi::plugin {

/// Prints files from skeletons that look like what they print:
///
///     text.emit({{"Client", "ChatClient"},
///                {"hooks", [&] { for (const Member& member : members) emit_hook(text, member);
///                }}},
///               R"cc(
///                 class $Client$ {
///                  public:
///                   $hooks$;
///                 };
///               )cc");
///
/// A skeleton is a raw string that begins with a newline. The common indentation of its lines is
/// removed, and that of the enclosing hole is added, so that skeletons nest. Holes are `$name$`:
///
/// - Within a line, a hole is filled with its text.
/// - Alone on its line, optionally with a `;` that is dropped, a hole is a block: its text is
///   printed line by line, or its callback emits it. An empty block removes its line and the blank
///   line after it, or the one before it at the skeleton's end.
/// - `$$` is a dollar sign.
class Text {
 public:
  using Filling = std::variant<std::string, std::function<void()>>;

  struct Hole {
    template <typename F>
    Hole(std::string_view hole_name, F&& hole_filling)
        : name(hole_name), filling(to_filling(std::forward<F>(hole_filling))) {}

    std::string_view name;
    Filling filling;
  };

  void emit(const std::vector<Hole>& holes, std::string_view skeleton);

  /// A skeleton without holes.
  void emit(std::string_view skeleton) { emit({}, skeleton); }

  /// Lines that are printed as they are, at the indentation of the enclosing hole.
  void lines(std::string_view text);

  const std::string& str() const { return text_; }

 private:
  template <typename F>
  static Filling to_filling(F&& filling) {
    if constexpr (std::is_constructible_v<std::string, F&&>) {
      return std::string(std::forward<F>(filling));
    } else {
      return std::function<void()>(std::forward<F>(filling));
    }
  }

  void emit_block(const Filling& filling, std::string_view indent);
  void line(std::string_view text);

  std::string text_;
  std::string indent_;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_TEXT_H_

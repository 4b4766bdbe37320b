#ifndef MESSI_METRICS_H_
#define MESSI_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/calls/call_counts.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/frame_tap.h"
#include "messi/statistics.h"
#include "messi/wire/frame.h"

namespace messi {

enum class MetricsFormat : std::uint8_t {
  kOpenMetrics,  ///< OpenMetrics 1.0.
  kPrometheus,   ///< Prometheus's older text format, 0.0.4.
};

constexpr std::string_view content_type(MetricsFormat format) {
  return format == MetricsFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

/// Statistics as text, which Prometheus and others read. Complete it first; then any thread may
/// call `text`.
class Metrics {
 public:
  /// All samples of these statistics get the label `name`. What has the same name is added up.
  void add(std::string name, std::shared_ptr<const Statistics> statistics) {
    sources_.push_back({std::move(name), std::move(statistics)});
  }

  std::string text(MetricsFormat format = MetricsFormat::kOpenMetrics) const;

 private:
  struct Source {
    std::string name;
    std::shared_ptr<const Statistics> statistics;
  };

  std::vector<Source> sources_;
};

// ---------------------------------------------------------------------------------------------

namespace metrics {

/// `name="value"`, with what must not be in a value escaped.
inline std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text += '"';
}

/// "Keep alive timeout." is "keep_alive_timeout".
inline std::string word_of(std::string_view sentence) {
  std::string word;
  for (const char c : sentence) {
    if (c >= 'A' && c <= 'Z') word += static_cast<char>(c - 'A' + 'a');
    if (c >= 'a' && c <= 'z') word += c;
    if (c == ' ') word += '_';
  }
  return word;
}

using Samples = std::map<std::string, std::uint64_t>;  // by their labels

/// Writes families of metrics, each with a sample for each name.
class Writer {
 public:
  Writer(MetricsFormat format, const std::map<std::string, Counts>& counts)
      : format_(format), counts_(counts) {}

  void gauge(std::string_view name, std::string_view unit, std::string_view help,
             std::uint64_t Counts::*number) {
    family(name, "gauge", unit, help, plain(number));
  }
  void counter(std::string_view name, std::string_view unit, std::string_view help,
               std::uint64_t Counts::*number) {
    family(name, "counter", unit, help, plain(number));
  }
  void counter(std::string_view name, std::string_view help,
               CountsByReason<std::uint64_t> Counts::*numbers) {
    counter_by("reason", name, help, numbers,
               [](DisconnectReason reason) { return word_of(to_string(reason)); });
  }
  void counter(std::string_view name, std::string_view help,
               CountsByFrameType<std::uint64_t> Counts::*numbers) {
    counter_by("type", name, help, numbers, [](wire::FrameType type) { return name_of(type); });
  }
  void counter(std::string_view name, std::string_view help,
               CountsByCallEnd<std::uint64_t> Counts::*numbers) {
    counter_by("outcome", name, help, numbers, [](CallEnd how) { return name_of(how); });
  }
  void histogram(std::string_view name, std::string_view help,
                 DurationHistogram<std::uint64_t> Counts::*durations) {
    head(name, "histogram", "seconds", help);
    for (const auto& [labels, counts] : counts_) histogram(name, labels, counts.*durations);
  }

  std::string finish() {
    if (format_ == MetricsFormat::kOpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  Samples plain(std::uint64_t Counts::*number) const {
    Samples samples;
    for (const auto& [labels, counts] : counts_) samples[labels] = counts.*number;
    return samples;
  }

  // `word_for(key)` is the value of the label `by`.
  template <typename Numbers, typename WordFor>
  void counter_by(std::string_view by, std::string_view name, std::string_view help,
                  Numbers Counts::*numbers, WordFor&& word_for) {
    Samples samples;
    for (const auto& [labels, counts] : counts_) {
      (counts.*numbers).for_each([&, &its = labels](auto key, std::uint64_t value) {
        samples[its + ',' + label(by, word_for(key))] = value;
      });
    }
    family(name, "counter", "", help, samples);
  }

  void family(std::string_view name, std::string_view type, std::string_view unit,
              std::string_view help, const Samples& samples) {
    std::string sampled(name);
    if (type == "counter") sampled += "_total";
    head(format_ == MetricsFormat::kOpenMetrics ? name : sampled, type, unit, help);
    for (const auto& [labels, value] : samples) {
      line({sampled, "{", labels, "} ", std::to_string(value)});
    }
  }

  void histogram(std::string_view name, std::string_view labels,
                 const DurationHistogram<std::uint64_t>& durations) {
    const auto& bounds = durations.kBounds;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= bounds.size(); ++i) {
      count += durations.buckets()[i];
      const std::string_view bound = i < bounds.size() ? bounds[i].seconds : "+Inf";
      line({name, "_bucket{", labels, ",", label("le", bound), "} ", std::to_string(count)});
    }
    line({name, "_sum{", labels, "} ", seconds(durations.nanoseconds())});
    line({name, "_count{", labels, "} ", std::to_string(count)});
  }
  static std::string seconds(std::uint64_t nanoseconds) {
    const std::string digits = std::to_string(nanoseconds % 1'000'000'000);
    return std::to_string(nanoseconds / 1'000'000'000) + '.' + std::string(9 - digits.size(), '0') +
           digits;
  }

  void head(std::string_view name, std::string_view type, std::string_view unit,
            std::string_view help) {
    line({"# HELP ", name, " ", help});
    line({"# TYPE ", name, " ", type});
    if (format_ == MetricsFormat::kOpenMetrics && !unit.empty()) line({"# UNIT ", name, " ", unit});
  }

  void line(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) text_ += part;
    text_ += '\n';
  }

  const MetricsFormat format_;
  const std::map<std::string, Counts>& counts_;
  std::string text_;
};

}  // namespace metrics

inline std::string Metrics::text(MetricsFormat format) const {
  std::map<std::string, Counts> counts;
  for (const Source& each : sources_) {
    counts[metrics::label("name", each.name)].add(each.statistics->read());
  }
  metrics::Writer out(format, counts);
  out.gauge("messi_connections", "", "Connected now, with those whose session is detached.",
            &Counts::connections);
  out.gauge("messi_detached", "", "Sessions that wait for a connection now.", &Counts::detached);
  out.gauge("messi_pending_bytes", "bytes", "Bytes that wait to be written, or acknowledged.",
            &Counts::pending_bytes);
  out.counter("messi_connects", "", "Connections, or sessions, that have begun.",
              &Counts::connects);
  out.counter("messi_reconnects", "", "A client's connects, but for its first.",
              &Counts::reconnects);
  out.counter("messi_connect_failures", "", "Attempts to connect that have failed.",
              &Counts::connect_failures);
  out.counter("messi_disconnects", "Connections, or sessions, that have ended.",
              &Counts::disconnects);
  out.counter("messi_refusals", "Connections that were turned away.", &Counts::refusals);
  out.counter("messi_handshake_failures", "", "Handshakes that went wrong, such as those of TLS.",
              &Counts::handshake_failures);
  out.counter("messi_detaches", "", "Sessions that have lost their connection.", &Counts::detaches);
  out.counter("messi_resumes", "", "Sessions that went on in another connection.",
              &Counts::resumes);
  out.counter("messi_sessions_lost", "", "Sessions that could not keep their promise.",
              &Counts::sessions_lost);
  out.counter("messi_slow_clients", "", "Times that a client fell behind broadcasts.",
              &Counts::slow_clients);
  out.counter("messi_dropped_broadcasts", "", "Broadcasts left out for slow clients.",
              &Counts::dropped_broadcasts);
  out.counter("messi_sent_bytes", "bytes", "Bytes that were sent.", &Counts::sent_bytes);
  out.counter("messi_received_bytes", "bytes", "Bytes that were received.",
              &Counts::received_bytes);
  out.counter("messi_sent_frames", "Frames that were sent.", &Counts::sent_frames);
  out.counter("messi_received_frames", "Frames that were received.", &Counts::received_frames);
  out.counter("messi_calls", "Calls that were made and are over.", &Counts::calls);
  out.histogram("messi_call_duration_seconds", "How long calls took that the callee has ended.",
                &Counts::call_duration);
  out.counter("messi_served_calls", "Requests of the other side that are over.",
              &Counts::served_calls);
  return out.finish();
}

}  // namespace messi

#endif  // MESSI_METRICS_H_

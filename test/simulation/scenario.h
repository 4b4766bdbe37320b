#ifndef MESSI_TEST_SIMULATION_SCENARIO_H_
#define MESSI_TEST_SIMULATION_SCENARIO_H_

// What happens in a run: a list of items that a seed generates. Any part of the list is a scenario
// too, so a scenario that fails can be shrunk.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "messi/base/time.h"
#include "test/simulation/messages.h"

namespace messi::simulation {

/// What an item does.
enum class Act : std::uint8_t {
  // Before the run begins.
  kTls,            ///< All connections speak TLS.
  kSecondServer,   ///< There are two servers, and each client knows the URIs of both.
  kNervous,        ///< Receivers pause at every amount-th message, until the end of the turn.
  kShuffle,        ///< The clients shuffle their URIs.
  kClientPayload,  ///< max_payload_size of the clients: amount
  kClientPending,  ///< max_pending_bytes of the clients: amount
  kClientLinger,   ///< span
  kClientSilence,  ///< pong_timeout: span
  kBackoff,        ///< The longest delay of a client's backoff: span
  kServerPayload,
  kServerPending,
  kServerLinger,
  kServerSilence,
  kServerTotal,     ///< max_total_pending_bytes: amount
  kFrameTimeout,    ///< frame_timeout of both sides: span
  kDropNewest,      ///< slow_reader
  kKeepLatest,      ///< slow_reader
  kLateAnswers,     ///< Servers answer on_authenticate after span.
  kRefusals,        ///< Servers refuse every amount-th client, until the faults end.
  kServerFull,      ///< max_clients: amount
  kClientSession,   ///< Of client `who`: amount is a Sessions.
  kServerSession,   ///< Of server `who`.
  kSessionTimeout,  ///< span
  kOfferWait,       ///< span
  kTries,           ///< Messages are sent with try_send.
  kMostCalls,       ///< max_open_calls of all: amount
  // Client `who`.
  kClient,  ///< There is such a client, and it starts at that moment.
  kStart,
  kStop,
  kStopNow,
  kPause,
  kResume,
  kSend,     ///< amount messages
  kSendBad,  ///< A text that is not UTF-8.
  kCall,     ///< amount calls to the server, each with span to be answered
  kCancel,   ///< The amount calls that were made last.
  kClose,    ///< In order, with a linger of span.
  kRemake,   ///< The client is destroyed; a new one is made and started.
  // Server `who`.
  kServerStart,
  kServerStop,
  kServerStopNow,
  kServerDrain,  ///< span
  kServerRemake,
  kBroadcast,  ///< amount messages, to all but client `peer` if that exists
  // Client `peer` of server `who`.
  kPeerSend,
  kPeerCall,
  kPeerCancel,  ///< Of all clients.
  kPeerDisconnect,
  kPeerDisconnectNow,
  kPeerPause,
  kPeerResume,
  // Only inside hooks.
  kThrow,
  kGiveUp,  ///< on_connect_failure returns nothing, on_client_arriving false.
  // The network.
  kMostPerRead,
  kCapacity,
  kConnectLatency,
  kNewLatency,  ///< Of connections made from then on, to the server if `who` is 0: span.
  kLatency,     ///< Of connection `peer`.
  kRefuse,      ///< Attempts to connect are refused, until kHeal.
  kIgnore,      ///< They get no answer, until kHeal.
  kStall,       ///< The whole network, until kHeal.
  kHeal,
  kNewCut,    ///< Connections made from then on break after amount bytes, until kHeal.
  kCut,       ///< Connection `peer` breaks now.
  kCutAfter,  ///< Connection `peer` breaks after amount more bytes.
  kCutAll,
  kStallWay,  ///< One way of connection `peer`, for ever.
  kHalfOpen,  ///< Connection `peer` carries nothing any more.
  kSmallWay,  ///< One way of connection `peer` has a capacity, and reads, of amount bytes.
  kHoldUp,    ///< The process stands still: span.
  kStranger,  ///< Someone connects to server `who` and sends amount bytes of something else.
};

/// The hook inside of which an item is done.
enum class Hook : std::uint8_t {
  kNone,
  kConnected,
  kDisconnected,
  kConnectFailure,
  kMessage,
  kWritable,
  kDetached,
  kResumed,
  kSessionLost,
  kCallOver,
  kClientConnected,
  kClientDisconnected,
  kServerMessage,
  kClientWritable,
  kArriving,
  kClientDetached,
  kClientResumed,
  kClientSessionLost,
  kClientCallOver,
};

/// What a client or a server says of sessions.
enum class Sessions : std::uint8_t { kOff, kHandshake, kPrefer, kRequired };

struct Item {
  Duration at = Duration::zero();
  Act act = Act::kHeal;
  Hook hook = Hook::kNone;  ///< If not kNone: done in the next such hook after `at`,
  unsigned hook_of = 0;     ///< of this client or server.
  unsigned who = 0;
  unsigned peer = 0;
  Recipe recipe;
  std::size_t amount = 0;
  Duration span = Duration::zero();
};

/// How a run ends.
enum class Ending : std::uint8_t {
  kClientsStop,  ///< In order; then the servers.
  kServersStop,
  kServersDrain,
  kStopNow,
  kDestroy,
};

struct Scenario {
  std::uint64_t seed = 0;
  std::vector<Item> items;  ///< In the order in which they are done.
  Ending ending = Ending::kClientsStop;
};

/// With `sessions`: another one, where clients and servers have them. With `calls` there are calls
/// besides.
Scenario generate(std::uint64_t seed, bool sessions, bool calls);

/// Which connections an item may break: what is sent then need not arrive.
enum class Harm : std::uint8_t { kNone, kOne, kAll, kAllToCome };
Harm harm_of(const Item& item);

/// A line for people.
std::string describe(const Item& item);
const char* describe(Ending ending);

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_SCENARIO_H_

// hub/answer.hpp: replies to clients' queries, and the questions to the store that some of them wait for.
// Thread: plain values. A Question is asked on the thread of the store; it borrows nothing from the hub.
// Errors: none; what is refused is an Answer too.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/blob.hpp"
#include "hub/engine_properties.hpp"
#include "hub/error.hpp"
#include "hub/store/store.hpp"

namespace camshaft::hub {

/// The reply to a query; its parent is the request.
struct Answer {
  std::string msg_type;
  std::string content;  // JSON text
  std::vector<Blob> buffers;
  bool shut_down = false;           // the controller is asked to stop, after this answer and a shutdown_notification
  std::vector<TaskRecord> again{};  // to be submitted once more: see Hub::resubmit, which makes the content
  std::vector<PropertiesChanged> changed{};  // by the asking client: for the schedulers, and for the engines themselves
  bool operator==(const Answer&) const = default;
};

/// What only the store can answer. Everything that the hub knows was put into it when it was made.
struct Question {
  std::string type;  // of the answer
  std::function<Answer(Store&)> ask;
};
using Response = std::variant<Answer, Question>;

/// The answer, asked from `store` if need be.
inline Answer settle(Response response, Store& store) {
  if (auto* known = std::get_if<Answer>(&response)) return std::move(*known);
  return std::get<Question>(response).ask(store);
}

inline Answer reply(std::string_view type, const nlohmann::json& content) {
  return {.msg_type = std::string(type), .content = json_text(content)};
}
inline Answer failure(std::string_view type, const PyError& error) { return reply(type, error_content(error)); }
inline Answer hub_error(const PyError& error) { return failure("hub_error", error); }

}  // namespace camshaft::hub

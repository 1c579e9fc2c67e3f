// service/task_bodies.hpp: functions at the controller: completes tasks that came without theirs, and leaves out what
// an engine has. Between the two, tasks are whole: scheduler and records know nothing of it. Thread: that of the task
// service. Owns: the functions it was sent last, and tasks that wait for one. Errors: a task whose function its client
// no longer has comes out as lost.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/ids.hpp"
#include "wire/bodies.hpp"
#include "wire/message.hpp"

namespace camshaft::service {

class TaskBodies final {
 public:
  /// `ask`: send a client the question for a body.
  explicit TaskBodies(std::function<void(const ClientId&, const std::string& digest)> ask) : ask_(std::move(ask)) {}

  struct Ready {
    std::vector<wire::Message> tasks;  // whole, in the order in which they came
    std::vector<wire::Message> lost;   // that cannot be made whole
  };
  /// Whether the message, a task or the answer to a question, is one for take(). Others are whole.
  bool concerns(const wire::Message& message) const;
  /// Completes a task, or keeps it and those that its client sends after it until the function is here.
  Ready take(wire::Message message);

  void engine_joined(const EngineId& engine, bool reads_bodies);
  void engine_left(const EngineId& engine) { engines_.erase(engine); }
  /// The engine may not have what it was sent.
  void engine_lacks(const EngineId& engine);
  /// Leaves out the function of a whole task if the engine has it.
  void shorten(const EngineId& engine, wire::Parts& task);

 private:
  struct Parked {
    std::string wanted;  // digest
    std::vector<wire::Message> tasks;
  };
  static constexpr std::size_t kKept = std::size_t{256} << 20;

  bool complete(wire::Message& task);
  void keep(const std::string& digest, Blob& body);
  void release(const ClientId& client, Ready& ready);

  std::function<void(const ClientId&, const std::string&)> ask_;
  wire::Bodies kept_{kKept};
  std::unordered_map<ClientId, Parked> parked_;                            // by client: exactly those that were asked
  std::unordered_map<EngineId, std::unordered_set<std::string>> engines_;  // exactly those that read bodies
};

}  // namespace camshaft::service

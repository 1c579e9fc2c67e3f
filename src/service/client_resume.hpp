// service/client_resume.hpp: what a client keeps of its requests until they are answered, so that they can be sent once
// more, and which of its connections have to be settled after they broke.
// Thread: the client's io thread. Owns: the small bytes of each unanswered request. Large buffers belong to the user,
//         who may change them once they are sent: a request with such buffers is not kept, nor one with a function of
//         more than 64 KB.
// Errors: none.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "client/client_core.hpp"
#include "service/client_service.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

class ClientResume final {
 public:
  /// Keeps what is needed to send the request again.
  void keep(std::uint64_t seq, const Submission& submission);
  void forget(std::uint64_t seq) {
    kept_.erase(seq);
    sent_again_.erase(seq);
  }
  /// The request, to be sent again; nullopt when it was not kept. `asked`: the number of the newest question.
  std::optional<Submission> again(std::uint64_t seq, std::uint64_t asked);
  std::size_t kept() const { return kept_.size(); }

  /// Sorts what a peer has said into what the core wants to know: a request in doubt whose metadata allows retries, and
  /// none that was not kept, is sent again. `question`: the number of the one that is answered; about a request that
  /// was sent again after it was asked it says nothing.
  client::FatesKnown decide(wire::Fates fates, std::uint64_t question, const client::ClientCore& core) const;

  // Which lines broke and are not settled yet.
  void broke(client::Channel channel) { due_[index(channel)] = true; }
  bool due(client::Channel channel) const { return due_[index(channel)]; }
  void settled(client::Channel channel) { due_[index(channel)] = false; }

 private:
  static std::size_t index(client::Channel channel) { return static_cast<std::size_t>(channel); }
  // A million may be kept: what calls in a row have in common is there once.
  struct Kept {
    std::shared_ptr<const Submission> call;  // its last buffer is left empty
    std::string last;
  };
  std::unordered_map<std::uint64_t, Kept> kept_;
  std::shared_ptr<const Submission> newest_;                     // of the last one kept
  std::unordered_map<std::uint64_t, std::uint64_t> sent_again_;  // the newest question by then
  std::array<bool, 5> due_{};
};

}  // namespace camshaft::service

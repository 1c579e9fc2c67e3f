#include "service/client_resume.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace camshaft::service {

void ClientResume::keep(std::uint64_t seq, const Submission& submission) {
  if (submission.channel != client::Channel::task && submission.channel != client::Channel::mux) return;
  if (submission.lease.lock() != nullptr) return;
  kept_.insert_or_assign(seq, submission);
}

std::optional<Submission> ClientResume::again(std::uint64_t seq) const {
  const auto kept = kept_.find(seq);
  return kept == kept_.end() ? std::nullopt : std::optional(kept->second);
}

client::FatesKnown ClientResume::decide(wire::Fates fates, const client::ClientCore& core) const {
  const auto kept = [&](const MsgId& id) -> const Submission* {
    const auto seq = core.seq_of(id.value);
    const auto found = seq ? kept_.find(static_cast<std::uint64_t>(*seq)) : kept_.end();
    return found == kept_.end() ? nullptr : &found->second;
  };
  const auto has_retries = [&](const MsgId& id) {
    const Submission* submission = kept(id);
    if (submission == nullptr) return false;
    const auto metadata = nlohmann::json::parse(submission->metadata.view(), nullptr, false);
    const auto retries = metadata.is_object() ? metadata.find("retries") : metadata.end();
    return metadata.is_object() && retries != metadata.end() && retries->is_number() && retries->get<double>() >= 1;
  };
  client::FatesKnown known;
  const auto fail = [&](MsgId& id, std::string_view why) {
    std::string line = fmt::format("Task '{}' {}", id.value, why);
    known.failed.emplace_back(std::move(id), std::move(line));
  };
  for (MsgId& id : fates.unknown) {
    if (kept(id) != nullptr) {
      known.again.push_back(std::move(id));
    } else {
      fail(id,
           "was lost when the connection to the controller broke; buffers as large as its are not kept to be sent "
           "again: submit it once more");
    }
  }
  const auto repeat_or_fail = [&](std::vector<MsgId>& ids, std::string_view why) {
    for (MsgId& id : ids) {
      if (has_retries(id)) {
        known.again.push_back(std::move(id));
      } else {
        fail(id, why);
      }
    }
  };
  repeat_or_fail(fates.lost, "has run, but its result was lost when the connection to the controller broke");
  repeat_or_fail(fates.doubtful,
                 "was under way when the controller was lost, and may have run on an engine that did not come back: "
                 "tasks without retries are not repeated");
  return known;
}

}  // namespace camshaft::service

#include "service/client_resume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace camshaft::service {

namespace {

/// Of a function; a client may have sent many that are not answered yet.
constexpr std::size_t kLargestKept = 65'536;

/// Whether two requests differ in their last buffer at most. Other buffers count as equal when they are the same
/// memory.
bool same_call(const Submission& one, const Submission& other) {
  const auto same_bytes = [](const Blob& a, const Blob& b) {
    return a.bytes.data() == b.bytes.data() && a.size() == b.size();
  };
  if (one.channel != other.channel || one.msg_type != other.msg_type || one.engine != other.engine ||
      one.engines != other.engines || one.buffers.size() != other.buffers.size())
    return false;
  if (!(one.content == other.content && one.metadata == other.metadata)) return false;
  return one.buffers.empty() ||
         std::equal(one.buffers.begin(), one.buffers.end() - 1, other.buffers.begin(), same_bytes);
}

}  // namespace

void ClientResume::keep(std::uint64_t seq, const Submission& submission) {
  if (submission.channel != client::Channel::task && submission.channel != client::Channel::mux) return;
  if (submission.lease.lock() != nullptr) return;
  if (!submission.buffers.empty() && submission.buffers[0].size() > kLargestKept) return;
  if (!newest_ || !same_call(*newest_, submission)) {
    auto call = std::make_shared<Submission>(submission);
    if (!call->buffers.empty()) call->buffers.back() = Blob{};
    newest_ = std::move(call);
  }
  kept_.insert_or_assign(seq, Kept{newest_, submission.buffers.empty() ? "" : submission.buffers.back().str()});
}

std::optional<Submission> ClientResume::again(std::uint64_t seq, std::uint64_t asked) {
  const auto kept = kept_.find(seq);
  if (kept == kept_.end()) return std::nullopt;
  sent_again_.insert_or_assign(seq, asked);
  Submission submission = *kept->second.call;
  if (!submission.buffers.empty()) submission.buffers.back() = Blob::of(kept->second.last);
  return submission;
}

client::FatesKnown ClientResume::decide(wire::Fates fates, std::uint64_t question,
                                        const client::ClientCore& core) const {
  const auto is_old_news = [&](const MsgId& id) {
    const auto seq = core.seq_of(id.value);
    const auto again = seq ? sent_again_.find(static_cast<std::uint64_t>(*seq)) : sent_again_.end();
    return again != sent_again_.end() && question <= again->second;
  };
  for (auto* ids : {&fates.unknown, &fates.lost, &fates.doubtful}) std::erase_if(*ids, is_old_news);
  const auto kept = [&](const MsgId& id) -> const Submission* {
    const auto seq = core.seq_of(id.value);
    const auto found = seq ? kept_.find(static_cast<std::uint64_t>(*seq)) : kept_.end();
    return found == kept_.end() ? nullptr : found->second.call.get();
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

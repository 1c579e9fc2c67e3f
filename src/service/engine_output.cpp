// What user code prints and shows, on its way to iopub: the output half of EngineService.
#include <fmt/format.h>

#include <utility>

#include "service/engine_service.hpp"

namespace camshaft::service {

namespace {

// Output waits this long for more of it, or until there is so much.
constexpr Duration kOutputDelay = std::chrono::milliseconds(50);
constexpr std::size_t kOutputBatch = 64 * 1024;

}  // namespace

void EngineService::write(const ParentPtr& parent, bool to_stderr, std::string_view text) {
  if (!parent || text.empty()) return;
  bool first = false;
  bool full = false;
  {
    const std::lock_guard lock(chunks_mutex_);
    first = chunks_.empty();
    if (!first && chunks_.back().parent == parent && chunks_.back().to_stderr == to_stderr) {
      chunks_.back().text += text;
    } else {
      chunks_.push_back({parent, to_stderr, std::string(text)});
    }
    full = chunk_bytes_ < kOutputBatch && chunk_bytes_ + text.size() >= kOutputBatch;
    chunk_bytes_ += text.size();
  }
  if (full) {
    lent_.post([this] { send_chunks(take_chunks()); });
  } else if (first) {
    lent_.post([this] { loop_.at(clock_.now() + kOutputDelay, [this] { send_chunks(take_chunks()); }); });
  }
}

std::vector<EngineService::Chunk> EngineService::take_chunks() {
  const std::lock_guard lock(chunks_mutex_);
  chunk_bytes_ = 0;
  return std::exchange(chunks_, {});
}

void EngineService::send_chunks(const std::vector<Chunk>& chunks) {
  for (const Chunk& chunk : chunks)
    send_iopub(*chunk.parent, "stream", stream_content(chunk.to_stderr ? "stderr" : "stdout", chunk.text), "{}", {});
}

void EngineService::flush() {
  lent_.post([this, chunks = std::make_shared<std::vector<Chunk>>(take_chunks())] { send_chunks(*chunks); });
}

void EngineService::publish(const ParentPtr& parent, std::string msg_type, std::string content, std::string metadata,
                            std::vector<Blob> buffers) {
  if (!parent) return;
  lent_.post([this, parent, msg_type = std::move(msg_type), content = std::move(content),
              metadata = std::move(metadata), buffers = std::move(buffers),
              chunks = std::make_shared<std::vector<Chunk>>(take_chunks())] {
    send_chunks(*chunks);
    send_iopub(*parent, msg_type, content, metadata, buffers);
  });
}

void EngineService::send_iopub(EngineParent& parent, const std::string& msg_type, std::string content,
                               std::string metadata, std::vector<Blob> buffers) {
  if (!links_) return;
  ++parent.outputs;
  wire::Outgoing out;
  out.identities = {Blob::of(iopub_topic(number(), msg_type, content))};
  out.header = header(msg_type);
  out.parent = parent.header;
  out.metadata = Blob::of(metadata == "{}" ? fmt::format(R"({{"engine": "{}"}})", uuid().value) : std::move(metadata));
  out.content = Blob::of(std::move(content));
  out.buffers = std::move(buffers);
  links_->send_iopub(wire::encode(std::move(out), *signer_));
}

void EngineService::send_status(EngineParent& parent, std::string_view state) {
  send_iopub(parent, "status", fmt::format(R"({{"execution_state": "{}"}})", state), "{}", {});
}

}  // namespace camshaft::service

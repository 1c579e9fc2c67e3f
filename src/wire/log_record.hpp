// wire/log_record.hpp: log records on their way to iplogger: two frames, "source.LEVEL" and the text with a line end,
// as the PUBHandler of pyzmq writes them and the original's logger reads them. Thread: pure functions. Owns: nothing.
// Errors: Errc::truncated for what is not two frames or has no topic.
#pragma once
#include <string>
#include <string_view>

#include "core/blob.hpp"
#include "core/log.hpp"
#include "core/result.hpp"

namespace camshaft::wire {

struct LogRecord {
  std::string source;  // "controller", "engine.0", with subtopics: "engine.0.mine"
  Level level = Level::info;
  std::string text;  // without the line end
  bool operator==(const LogRecord&) const = default;
};

Frames encode_log(const LogRecord& record);
/// A topic without a level counts as info, CRITICAL as error. Control characters of the text, which come from
/// anywhere and may end on a terminal, are replaced; line ends inside it and tabs stay.
Result<LogRecord> decode_log(const Frames& frames);

}  // namespace camshaft::wire

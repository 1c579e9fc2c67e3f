#include "service/earlier_tasks.hpp"

#include <memory>
#include <system_error>
#include <unordered_set>

#include "hub/filter.hpp"
#include "wire/message.hpp"

namespace camshaft::service {
namespace {

EarlierTask task_of(const hub::TaskRecord& record, sched::RequirementsParser& parser, const wire::Signer& signer) {
  // A client's routing id is its session.
  wire::Outgoing message;
  message.identities = {Blob::of(record.client.value)};
  message.header = record.header;
  message.metadata = record.metadata;
  message.content = record.content;
  message.buffers = record.buffers;
  Parcel payload(wire::encode(std::move(message), signer));
  EarlierTask earlier{{record.id, ClientId(record.client.value), {}, std::move(payload)}};
  if (auto wanted = parser.parse(record.metadata.view())) {
    earlier.task.requirements = std::move(wanted).value();
  } else {
    earlier.broken = "cannot be read from the database: " + wanted.error().message;
  }
  if (record.incomplete()) earlier.broken = "was too large for the database (--SQLiteDB.buffer_limit): submit it again";
  return earlier;
}

}  // namespace

Result<EarlierTasks> read_earlier_tasks(const RecordOptions& options, const wire::Signer& signer) {
  EarlierTasks earlier;
  std::error_code ignored;
  if (options.kind != RecordOptions::Kind::sqlite || options.sqlite.table.empty() ||
      !is_session_database(options.sqlite.file.filename().string()) ||
      !std::filesystem::exists(options.sqlite.file, ignored))
    return earlier;
  auto opened = hub::SqliteStore::open(options.sqlite);
  if (!opened) return opened.error();
  hub::SqliteStore& store = **opened;
  sched::RequirementsParser parser;
  const auto read = store.visit_unfinished([&](const hub::TaskRecord& record) {
    earlier.records.push_back({record.id, record.queue, record.engine});
    if (record.queue == hub::Queue::task) earlier.tasks.push_back(task_of(record, parser, signer));
  });
  if (!read) return read.error();

  std::unordered_set<MsgId> looked_up;
  for (const EarlierRecord& record : earlier.records) looked_up.insert(record.id);
  for (const EarlierTask& one : earlier.tasks) {
    const sched::Requirements& wanted = one.task.requirements;
    for (const auto* ids : {&wanted.after.ids, &wanted.follow.ids}) {
      for (const MsgId& id : *ids) {
        if (!looked_up.insert(id).second) continue;
        auto record = store.get(id);
        if (!record) return record.error();
        if (record.value()) earlier.done.emplace_back(id, record.value()->status == hub::Status::ok);
      }
    }
  }
  return earlier;
}

Frames reply_in(const hub::TaskRecord& record, const ClientId& client, const wire::Signer& signer) {
  if (!record.completed || record.result_header.size() == 0) return {};
  wire::Outgoing message;
  message.identities = {Blob::of(client.value)};
  if (!record.engine.empty()) message.identities.push_back(Blob::of(record.engine.value));
  message.header = record.result_header;
  message.parent = record.header;
  message.metadata = record.result_metadata;
  message.content = record.result_content;
  message.buffers = record.result_buffers;
  return wire::encode(std::move(message), signer);
}

}  // namespace camshaft::service

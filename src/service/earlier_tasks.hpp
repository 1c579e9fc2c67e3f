// service/earlier_tasks.hpp: what a controller that was killed has left unfinished, read from its session's database
// and made ready for the one that takes its place. Thread: any; before the controller's loops run. Owns: nothing.
// Errors: a database that cannot be read is one line; a task that cannot be run from its record says why.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/ids.hpp"
#include "core/result.hpp"
#include "hub/record.hpp"
#include "sched/events.hpp"
#include "service/record_stores.hpp"
#include "wire/signer.hpp"

namespace camshaft::service {

/// A load-balanced task. What an engine holds of it goes on in any case.
struct EarlierTask {
  sched::Submit task;
  std::string broken{};  // why it cannot be sent to an engine; empty: it can
};

/// A task without result, as the hub counts it.
struct EarlierRecord {
  MsgId id;
  hub::Queue queue;
  EngineId engine;  // where it was sent, as far as the database knows
};

struct EarlierTasks {
  std::vector<EarlierTask> tasks;            // in the order in which they were submitted
  std::vector<EarlierRecord> records;        // of these and of direct requests
  std::vector<std::pair<MsgId, bool>> done;  // that tasks depend on, and whether they ended well
};

/// Empty when the records are not those of one session: a database that sessions share does not say which of them are
/// over. `signer`: for the messages that engines are sent.
Result<EarlierTasks> read_earlier_tasks(const RecordOptions& options, const wire::Signer& signer);

/// The reply in a record, as its engine has sent it to the client; no frames when there is none.
Frames reply_in(const hub::TaskRecord& record, const ClientId& client, const wire::Signer& signer);

}  // namespace camshaft::service

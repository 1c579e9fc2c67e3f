#include "hub/store/store.hpp"

#include <utility>

namespace camshaft::hub {

Result<Done> Store::tend(WallTime) { return Done{}; }

Result<std::vector<TaskRecord>> Store::select(const Filter& filter) {
  std::vector<TaskRecord> found;
  const auto done = visit(filter, FieldSet::all(), [&](const TaskRecord& record) { found.push_back(record); });
  if (!done) return done.error();
  return found;
}

Result<std::vector<MsgId>> Store::history() {
  std::vector<MsgId> ids;
  const Filter no_stubs({{Field::submitted, Op::ne, nullptr}});
  const auto done = visit(no_stubs, FieldSet{Field::msg_id, Field::submitted},
                          [&](const TaskRecord& record) { ids.push_back(record.id); });
  if (!done) return done.error();
  return ids;
}

Result<std::vector<TaskRecord>> Store::unfinished() {
  std::vector<TaskRecord> found;
  const auto done = visit_unfinished([&](const TaskRecord& record) { found.push_back(record); });
  if (!done) return done.error();
  return found;
}

Result<Done> Store::visit_unfinished(const Visitor& visit) {
  const Filter unfinished({{Field::completed, Op::eq, nullptr}, {Field::submitted, Op::ne, nullptr}});
  return this->visit(unfinished, FieldSet::all(), visit);
}

void DirectSink::put(Write write) {
  // What a store in memory refuses is counted in its stats().
  static_cast<void>(store_.write(std::span(&write, 1)).has_value());
}

}  // namespace camshaft::hub

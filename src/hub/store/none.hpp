// hub/store/none.hpp: keeps no records. Reads are refused, removals succeed.
// Thread: one.
// Owns:   the ids of the tasks that finished last, so that their status is still known.
// Errors: Errc::unavailable from everything that asks for records.
#pragma once
#include <deque>
#include <unordered_set>

#include "hub/store/store.hpp"

namespace camshaft::hub {

class NoneStore final : public Store {
 public:
  explicit NoneStore(std::size_t remembered = 1024) : remembered_(remembered) {}

  std::string_view name() const override { return "none"; }
  Result<Done> write(std::span<Write> batch) override;
  Result<State> state(const MsgId& id) override { return finished_.contains(id) ? State::completed : State::unknown; }
  Result<std::optional<TaskRecord>> get(const MsgId&) override { return refusal(); }
  Result<Done> visit(const Filter&, FieldSet, const Visitor&) override { return refusal(); }
  Result<Done> remove(std::span<const MsgId> ids) override;
  Result<Done> remove(const Filter&) override { return Done{}; }
  StoreStats stats() override { return {}; }

 private:
  static Error refusal();
  std::size_t remembered_;
  std::unordered_set<MsgId> finished_;
  std::deque<MsgId> order_;  // of finishing; may still hold ids that were removed
};

}  // namespace camshaft::hub

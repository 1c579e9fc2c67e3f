// hub/record_queries.hpp: what clients ask of task records: results, history, database queries, purging, resubmission.
// Thread: the functions run on the hub's thread and only read their arguments; the Questions that they return are asked
//         on the store's thread, where they may take their time: no task waits for them.
// Errors: what is asked wrongly, and what the store refuses, is an error Answer.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/ids.hpp"
#include "hub/answer.hpp"

namespace camshaft::hub {

/// A list of ids, or one alone; nullopt for anything else.
std::optional<std::vector<MsgId>> read_ids(const nlohmann::json& value);
/// A member of a dictionary; null when it is not there, or `content` is no dictionary.
const nlohmann::json& member(const nlohmann::json& content, const char* key);
/// A list, or one thing alone as a list.
nlohmann::json as_list(const nlohmann::json& value);
/// repr() of a list of ids or numbers.
std::string py_repr_list(const nlohmann::json& values);

/// What a result_request asks for.
struct ResultsWanted {
  std::vector<MsgId> ids;
  std::unordered_set<MsgId> pending;  // those of `ids` that are known to have no result yet
  bool with_records = true;
  bool reads_p5 = false;  // the client reads our own pickles; for others they are packed anew
};
Response results(ResultsWanted wanted);
Question history();
Response query(const nlohmann::json& content);
/// `engine_uuids`: whose completed records leave besides those of `ids`.
Question purge(std::vector<MsgId> ids, std::vector<std::string> engine_uuids, std::optional<PyError> afterwards);
Question purge_completed();
/// The answer has the records in `again`.
Question load_for_resubmission(std::vector<MsgId> ids);

}  // namespace camshaft::hub

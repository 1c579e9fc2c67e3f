#include "mongo/mongo.hpp"

#include <fmt/format.h>
#include <mongoc/mongoc.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hub/store/batch.hpp"
#include "mongo/documents.hpp"

namespace camshaft::hub {
namespace {

struct MongoError : std::runtime_error {
  explicit MongoError(const bson_error_t& error) : std::runtime_error(error.message) {}
};

template <auto Destroy>
struct Deleter {
  template <class T>
  void operator()(T* what) const {
    Destroy(what);
  }
};
using Uri = std::unique_ptr<mongoc_uri_t, Deleter<mongoc_uri_destroy>>;
using Client = std::unique_ptr<mongoc_client_t, Deleter<mongoc_client_destroy>>;
using Database = std::unique_ptr<mongoc_database_t, Deleter<mongoc_database_destroy>>;
using Collection = std::unique_ptr<mongoc_collection_t, Deleter<mongoc_collection_destroy>>;
using Cursor = std::unique_ptr<mongoc_cursor_t, Deleter<mongoc_cursor_destroy>>;
using Operations = std::unique_ptr<mongoc_bulk_operation_t, Deleter<mongoc_bulk_operation_destroy>>;

constexpr const char* kCollection = "task_records";

/// Updates that go to the server together, in order.
class Bulk {
 public:
  explicit Bulk(mongoc_collection_t* tasks) : tasks_(tasks) {}
  void update(const MsgId& id, const Document& change, bool upsert) { updates_.push_back({&id, change, upsert}); }

  struct Outcome {
    std::unordered_set<std::size_t> upserted;  // numbers of the updates that made a document
    std::uint64_t missed = 0;                  // updates that found none, or were refused
  };
  Outcome execute() {
    Outcome outcome;
    std::uint64_t matched = 0;
    // An ordered bulk ends with the first update that the server refuses for itself: go on behind it.
    for (std::size_t from = 0; from < updates_.size();) from = execute_from(from, outcome, matched);
    outcome.missed = updates_.size() - matched - outcome.upserted.size();
    return outcome;
  }

 private:
  struct One {
    const MsgId* id;
    Document change;
    bool upsert;
  };
  static constexpr std::uint32_t kLargest = 15U << 20;  // below the server's 16 MB, as an update has more around it

  std::size_t execute_from(std::size_t from, Outcome& outcome, std::uint64_t& matched) {
    const Operations operations(mongoc_collection_create_bulk_operation_with_opts(tasks_, nullptr));
    std::vector<std::size_t> sent;
    bson_error_t error;
    for (std::size_t i = from; i < updates_.size(); ++i) {
      const One& one = updates_[i];
      if (one.change.get()->len > kLargest) continue;
      const Document options = Document().add("upsert", one.upsert);
      if (!mongoc_bulk_operation_update_one_with_opts(operations.get(), by_id(*one.id).get(), one.change.get(),
                                                      options.get(), &error))
        throw MongoError(error);
      sent.push_back(i);
    }
    if (sent.empty()) return updates_.size();
    const Document reply = execute(operations.get(), error);
    bson_iter_t at;
    if (bson_iter_init_find(&at, reply.get(), "nMatched"))
      matched += static_cast<std::uint64_t>(bson_iter_as_int64(&at));
    for (const std::size_t index : indexes_in(reply, "upserted")) outcome.upserted.insert(sent.at(index));
    if (error.code == 0) return updates_.size();
    const std::vector<std::size_t> refused = indexes_in(reply, "writeErrors");
    if (refused.empty()) throw MongoError(error);
    return sent.at(refused.front()) + 1;
  }

  static Document execute(mongoc_bulk_operation_t* operations, bson_error_t& error) {
    error = {};
    bson_t reply;
    const bool ok = mongoc_bulk_operation_execute(operations, &reply, &error) != 0;
    if (!ok && error.code == 0) error.code = 1;
    return Document(&reply);
  }
  static std::vector<std::size_t> indexes_in(const Document& reply, const char* list) {
    std::vector<std::size_t> out;
    bson_iter_t at, item, field;
    if (!bson_iter_init_find(&at, reply.get(), list) || !bson_iter_recurse(&at, &item)) return out;
    while (bson_iter_next(&item)) {
      if (bson_iter_recurse(&item, &field) && bson_iter_find(&field, "index"))
        out.push_back(static_cast<std::size_t>(bson_iter_as_int64(&field)));
    }
    return out;
  }

  mongoc_collection_t* tasks_;
  std::vector<One> updates_;
};

class MongoStore final : public Store {
 public:
  MongoStore(Client client, const std::string& database)
      : client_(std::move(client)),
        database_(mongoc_client_get_database(client_.get(), database.c_str())),
        tasks_(mongoc_client_get_collection(client_.get(), database.c_str(), kCollection)) {}

  std::string_view name() const override { return "mongo"; }
  Result<Done> write(std::span<Write> batch) override {
    return guarded<Done>([&] {
      if (!indexed_) make_indexes();
      indexed_ = true;
      write_batch(batch);
      return Done{};
    });
  }
  Result<State> state(const MsgId& id) override {
    return guarded<State>([&] {
      State state = State::unknown;
      find(by_id(id), projection_of({Field::completed}, Filter()), false,
           [&](const TaskRecord& record) { state = record.completed ? State::completed : State::pending; });
      return state;
    });
  }
  Result<std::optional<TaskRecord>> get(const MsgId& id) override {
    return guarded<std::optional<TaskRecord>>([&] { return read(id); });
  }
  Result<Done> visit(const Filter& filter, FieldSet fields, const Visitor& visit) override {
    return guarded<Done>([&] {
      const auto matching = [&](const TaskRecord& record) {
        if (filter.matches(record)) visit(record);
      };
      // By submission; stubs, which have none and which the server puts first, come last.
      std::vector<TaskRecord> stubs;
      find(query_of(filter), projection_of(fields, filter), true,
           [&](TaskRecord record) { record.submitted ? matching(record) : stubs.push_back(std::move(record)); });
      for (const TaskRecord& stub : stubs) matching(stub);
      return Done{};
    });
  }
  Result<Done> remove(std::span<const MsgId> ids) override {
    return guarded<Done>([&] {
      constexpr std::size_t kAtOnce = 1000;
      while (!ids.empty()) {
        const auto some = ids.first(std::min(kAtOnce, ids.size()));
        bson_error_t error;
        if (!mongoc_collection_delete_many(tasks_.get(), by_ids(some).get(), nullptr, nullptr, &error))
          throw MongoError(error);
        ids = ids.subspan(some.size());
      }
      return Done{};
    });
  }
  Result<Done> remove(const Filter& filter) override {
    std::vector<MsgId> ids;
    const auto found = visit(filter, {Field::msg_id}, [&](const TaskRecord& record) { ids.push_back(record.id); });
    return found ? remove(ids) : found;
  }
  StoreStats stats() override {
    bson_error_t error;
    const auto count =
        mongoc_collection_count_documents(tasks_.get(), Document().get(), nullptr, nullptr, nullptr, &error);
    return {.records = static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), .ignored = ignored_};
  }

 private:
  // One for ids, one for the order of histories: a server sorts only so much without.
  void make_indexes() {
    const auto index = [](std::initializer_list<const char*> fields, const char* name, bool unique) {
      Document key, all;
      for (const char* field : fields) key.add(field, std::int32_t{1});
      all.add("key", key).add("name", std::string_view(name));
      if (unique) all.add("unique", true);
      return all;
    };
    bson_t command;
    bson_t list;
    bson_init(&command);
    BSON_APPEND_UTF8(&command, "createIndexes", kCollection);
    BSON_APPEND_ARRAY_BEGIN(&command, "indexes", &list);
    BSON_APPEND_DOCUMENT(&list, "0", index({"msg_id"}, "msg_id_1", true).get());
    BSON_APPEND_DOCUMENT(&list, "1", index({"submitted", "_id"}, "submitted_1__id_1", false).get());
    bson_append_array_end(&command, &list);
    const Document made(&command);
    bson_error_t error;
    if (!mongoc_database_write_command_with_opts(database_.get(), made.get(), nullptr, nullptr, &error))
      throw MongoError(error);
  }
  template <class T, class F>
  Result<T> guarded(F&& action) {
    try {
      return action();
    } catch (const MongoError& error) {
      return Error{Errc::timed_out, fmt::format("MongoDB: {}", error.what())};  // RuntimeError for clients
    }
  }
  template <class F>
  void find(const Document& query, const Document& projection, bool sorted, F&& visit) {
    Document options;
    if (sorted) {
      Document order;
      options.add("sort", order.add("submitted", std::int32_t{1}).add("_id", std::int32_t{1}));
    }
    options.add("projection", projection);
    const Cursor cursor(mongoc_collection_find_with_opts(tasks_.get(), query.get(), options.get(), nullptr));
    const bson_t* document = nullptr;
    while (mongoc_cursor_next(cursor.get(), &document)) visit(read_document(document));
    bson_error_t error;
    if (mongoc_cursor_error(cursor.get(), &error)) throw MongoError(error);
  }
  std::optional<TaskRecord> read(const MsgId& id) {
    std::optional<TaskRecord> found;
    find(by_id(id), projection_of(FieldSet::all(), Filter()), false,
         [&](TaskRecord record) { found = std::move(record); });
    return found;
  }

  // Not one transaction, which only some servers have: what is tried again after a failure finds what was written, and
  // ends the same, but for output, which may then stand there twice.
  void write_batch(std::span<Write> batch) {
    std::uint64_t again = 0;
    const std::vector<RecordWrites> records = sort_by_record(batch, again);
    Bulk inserts(tasks_.get()), updates(tasks_.get());
    std::vector<const RecordWrites*> fresh;
    for (const RecordWrites& record : records) {
      if (record.insert) {
        inserts.update(*record.id, Document().add("$setOnInsert", document_of(record.merged())), true);
        fresh.push_back(&record);
      } else {
        add_updates(updates, record);
      }
    }
    const Bulk::Outcome inserted = inserts.execute();
    std::uint64_t kept = 0;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (inserted.upserted.contains(i)) continue;
      if (!complete_stub(*fresh[i]->insert)) ++kept;
      add_updates(updates, *fresh[i]);
    }
    const Bulk::Outcome updated = updates.execute();
    ignored_ += again + kept + updated.missed;
  }
  static void add_updates(Bulk& updates, const RecordWrites& record) {
    for (const Update* update : record.separate()) {
      updates.update(*record.id, update_of(update->change), update->or_stub);
    }
  }
  // There is a record of that id: a stub, which the request completes, or a full one, which stays.
  bool complete_stub(const TaskRecord& request) {
    auto known = read(request.id);
    if (!known || !known->stub() || request.stub()) return false;
    merge_into_stub(*known, request);
    bson_error_t error;
    if (!mongoc_collection_replace_one(tasks_.get(), by_id(request.id).get(), document_of(*known).get(), nullptr,
                                       nullptr, &error))
      throw MongoError(error);
    return true;
  }

  Client client_;
  Database database_;
  Collection tasks_;
  bool indexed_ = false;
  std::uint64_t ignored_ = 0;
};

/// Every wait ends, unless the URI says otherwise.
void bound(mongoc_uri_t* uri, const char* option, std::int32_t milliseconds) {
  if (mongoc_uri_get_option_as_int32(uri, option, -1) == -1) mongoc_uri_set_option_as_int32(uri, option, milliseconds);
}

}  // namespace

Result<std::unique_ptr<Store>> open_mongo(const MongoOptions& options) {
  static const struct Library {
    Library() {
      mongoc_init();
      mongoc_log_set_handler(nullptr, nullptr);  // errors are returned, and said by whoever asked
    }
    ~Library() { mongoc_cleanup(); }
  } library;
  bson_error_t error;
  const Uri uri(mongoc_uri_new_with_error(options.uri.c_str(), &error));
  if (!uri)
    return Error{Errc::bad_value,
                 fmt::format("cannot read the address of MongoDB: {}; check --MongoDB.connection_args", error.message)};
  bound(uri.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 3000);
  bound(uri.get(), MONGOC_URI_CONNECTTIMEOUTMS, 3000);
  bound(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, 10000);
  Client client(mongoc_client_new_from_uri(uri.get()));
  if (!client) return Error{Errc::bad_value, "cannot use this address of MongoDB; check --MongoDB.connection_args"};
  mongoc_client_set_error_api(client.get(), MONGOC_ERROR_API_VERSION_2);
  return std::unique_ptr<Store>(std::make_unique<MongoStore>(std::move(client), options.database));
}

}  // namespace camshaft::hub

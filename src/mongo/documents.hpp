// mongo/documents.hpp: task records as BSON documents, and back; filters as MongoDB queries.
// Thread: plain values and pure functions.
// Owns:   Document: its BSON.
// Errors: a field that cannot be read counts as empty.
#pragma once
#include <bson/bson.h>

#include <span>
#include <string>
#include <string_view>

#include "hub/store/store.hpp"

namespace camshaft::hub {

class Document {
 public:
  Document() { bson_init(&bson_); }
  ~Document() { bson_destroy(&bson_); }
  /// Takes over what was built or received elsewhere; `taken` must not be used or destroyed any more.
  explicit Document(bson_t* taken) { bson_steal(&bson_, taken); }
  Document(const Document& other) { bson_copy_to(&other.bson_, &bson_); }
  Document(Document&& other) noexcept {
    bson_steal(&bson_, &other.bson_);
    bson_init(&other.bson_);
  }
  Document& operator=(const Document&) = delete;
  const bson_t* get() const { return &bson_; }

  Document& add(std::string_view key, std::string_view text);
  Document& add(std::string_view key, std::int32_t number);
  Document& add(std::string_view key, bool value);
  Document& add(std::string_view key, const Document& value);
  Document& add_null(std::string_view key);
  Document& add_or_null(std::string_view key, std::string_view text) {
    return text.empty() ? add_null(key) : add(key, text);
  }
  /// A list of binaries; null when it is empty.
  Document& add(std::string_view key, std::span<const Blob> buffers);
  Document& add_list(std::string_view key, std::span<const std::string> texts);

 private:
  bson_t bson_;
};

Document document_of(const TaskRecord& record);
TaskRecord read_document(const bson_t* document);

/// The update operators for one change.
Document update_of(const Change& change);

/// {"msg_id": id}
Document by_id(const MsgId& id);
Document by_ids(std::span<const MsgId> ids);
/// What every record that matches fulfils; others may too.
Document query_of(const Filter& filter);
/// Asks for the fields that reading `fields` and looking at `filter` needs.
Document projection_of(FieldSet fields, const Filter& filter);

}  // namespace camshaft::hub

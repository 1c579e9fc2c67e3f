#include "mongo/documents.hpp"

#include <chrono>
#include <cstring>
#include <optional>

#include "core/date.hpp"
#include "hub/store/sqlite_query.hpp"
#include "hub/store/sqlite_rows.hpp"

namespace camshaft::hub {
namespace {

int length(std::string_view text) { return static_cast<int>(text.size()); }

std::string date_text(const std::optional<WallTime>& date) { return date ? sql_date(*date) : std::string(); }

void add_text_field(Document& out, Field field, std::string_view text) { out.add_or_null(info(field).name, text); }

/// Texts, dates, and dictionaries of the original, which are documents, as the text that our columns have.
std::string text_of(const bson_iter_t& at) {
  if (BSON_ITER_HOLDS_UTF8(&at)) {
    std::uint32_t size = 0;
    const char* text = bson_iter_utf8(&at, &size);
    return {text, size};
  }
  if (BSON_ITER_HOLDS_DATE_TIME(&at)) return sql_date(WallTime(std::chrono::milliseconds(bson_iter_date_time(&at))));
  if (BSON_ITER_HOLDS_DOCUMENT(&at)) {
    std::uint32_t size = 0;
    const std::uint8_t* data = nullptr;
    bson_iter_document(&at, &size, &data);
    bson_t inner;
    if (!bson_init_static(&inner, data, size)) return {};
    char* json = bson_as_relaxed_extended_json(&inner, nullptr);
    std::string text = json ? json : "";
    bson_free(json);
    return text;
  }
  return {};
}

template <class Visit>
void each_of(const bson_iter_t& at, Visit&& visit) {
  bson_iter_t inner;
  if (!BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &inner)) return;
  while (bson_iter_next(&inner)) visit(inner);
}

std::vector<Blob> buffers_of(const bson_iter_t& at) {
  std::vector<Blob> out;
  each_of(at, [&](const bson_iter_t& item) {
    if (!BSON_ITER_HOLDS_BINARY(&item)) return;
    bson_subtype_t kind{};
    std::uint32_t size = 0;
    const std::uint8_t* data = nullptr;
    bson_iter_binary(&item, &kind, &size, &data);
    out.push_back(Blob::of(std::string(reinterpret_cast<const char*>(data), size)));
  });
  return out;
}

/// Printed text is a list of pieces; the original has it in one.
std::string printed_of(const bson_iter_t& at) {
  std::string out = text_of(at);
  each_of(at, [&](const bson_iter_t& item) { out += text_of(item); });
  return out;
}

}  // namespace

Document& Document::add(std::string_view key, std::string_view text) {
  bson_append_utf8(&bson_, key.data(), length(key), text.empty() ? "" : text.data(), length(text));
  return *this;
}
Document& Document::add(std::string_view key, std::int32_t number) {
  bson_append_int32(&bson_, key.data(), length(key), number);
  return *this;
}
Document& Document::add(std::string_view key, bool value) {
  bson_append_bool(&bson_, key.data(), length(key), value);
  return *this;
}
Document& Document::add(std::string_view key, const Document& value) {
  bson_append_document(&bson_, key.data(), length(key), value.get());
  return *this;
}
Document& Document::add_null(std::string_view key) {
  bson_append_null(&bson_, key.data(), length(key));
  return *this;
}
Document& Document::add(std::string_view key, std::span<const Blob> buffers) {
  if (buffers.empty()) return add_null(key);
  bson_t list;
  bson_append_array_begin(&bson_, key.data(), length(key), &list);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const std::string index = std::to_string(i);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(buffers[i].view().data());
    static constexpr std::uint8_t kNothing = 0;
    bson_append_binary(&list, index.data(), length(index), BSON_SUBTYPE_BINARY, bytes ? bytes : &kNothing,
                       static_cast<std::uint32_t>(buffers[i].size()));
  }
  bson_append_array_end(&bson_, &list);
  return *this;
}
Document& Document::add_list(std::string_view key, std::span<const std::string> texts) {
  bson_t list;
  bson_append_array_begin(&bson_, key.data(), length(key), &list);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string index = std::to_string(i);
    bson_append_utf8(&list, index.data(), length(index), texts[i].data(), length(texts[i]));
  }
  bson_append_array_end(&bson_, &list);
  return *this;
}

Document document_of(const TaskRecord& r) {
  Document out;
  out.add("msg_id", std::string_view(r.id.value));
  add_text_field(out, Field::header, r.header.view());
  add_text_field(out, Field::metadata, r.metadata.view());
  add_text_field(out, Field::content, r.content.view());
  out.add("buffers", std::span<const Blob>(r.buffers));
  add_text_field(out, Field::submitted, date_text(r.submitted));
  add_text_field(out, Field::client_uuid, r.client.value);
  add_text_field(out, Field::engine_uuid, r.engine.value);
  add_text_field(out, Field::started, date_text(r.started));
  add_text_field(out, Field::completed, date_text(r.completed));
  add_text_field(out, Field::resubmitted, r.resubmitted.value);
  add_text_field(out, Field::received, date_text(r.received));
  add_text_field(out, Field::result_header, r.result_header.view());
  add_text_field(out, Field::result_metadata, r.result_metadata.view());
  add_text_field(out, Field::result_content, r.result_content.view());
  out.add("result_buffers", std::span<const Blob>(r.result_buffers));
  add_text_field(out, Field::queue, queue_text(r.queue));
  r.execute_input ? out.add("execute_input", std::string_view(*r.execute_input)) : out.add_null("execute_input");
  add_text_field(out, Field::execute_result, r.execute_result.view());
  add_text_field(out, Field::error, r.error.view());
  out.add_list("stdout", std::span(&r.out, r.out.empty() ? 0 : 1));
  out.add_list("stderr", std::span(&r.err, r.err.empty() ? 0 : 1));
  add_text_field(out, Field::label, label_text(r));
  return out;
}

TaskRecord read_document(const bson_t* document) {
  TaskRecord r;
  bson_iter_t at;
  if (!bson_iter_init(&at, document)) return r;
  while (bson_iter_next(&at)) {
    const FieldInfo* field = find_field(bson_iter_key(&at));
    if (!field || BSON_ITER_HOLDS_NULL(&at)) continue;
    switch (field->field) {
      case Field::buffers:
        r.buffers = buffers_of(at);
        break;
      case Field::result_buffers:
        r.result_buffers = buffers_of(at);
        break;
      case Field::out:
        r.out = printed_of(at);
        break;
      case Field::err:
        r.err = printed_of(at);
        break;
      default:
        set_field(r, field->field, text_of(at));
    }
  }
  return r;
}

Document update_of(const Change& change) {
  Document set;
  if (const auto* f = std::get_if<Finished>(&change)) {
    if (!f->engine.empty()) set.add("engine_uuid", std::string_view(f->engine.value));
    add_text_field(set, Field::started, date_text(f->started));
    add_text_field(set, Field::completed, sql_date(f->completed));
    add_text_field(set, Field::received, sql_date(f->received));
    add_text_field(set, Field::result_header, f->header.view());
    add_text_field(set, Field::result_metadata, f->metadata.view());
    add_text_field(set, Field::result_content, f->content.view());
    set.add("result_buffers", std::span<const Blob>(f->buffers));
  } else if (const auto* moved = std::get_if<Dispatched>(&change)) {
    add_text_field(set, Field::engine_uuid, moved->engine.value);
  } else if (const auto* shown = std::get_if<Displayed>(&change)) {
    using What = Displayed::What;
    set.add(shown->what == What::execute_input ? "execute_input"
            : shown->what == What::error       ? "error"
                                               : "execute_result",
            shown->value.view());
  } else if (const auto* again = std::get_if<Resubmitted>(&change)) {
    add_text_field(set, Field::resubmitted, again->as.value);
  } else {
    const auto& printed = std::get<Printed>(change);
    set.add(printed.stream == Stream::out ? "stdout" : "stderr", std::string_view(printed.text));
    return Document().add("$push", set);
  }
  return Document().add("$set", set);
}

Document by_id(const MsgId& id) { return Document().add("msg_id", std::string_view(id.value)); }

Document by_ids(std::span<const MsgId> ids) {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const MsgId& id : ids) texts.push_back(id.value);
  return Document().add("msg_id", Document().add_list("$in", texts));
}

Document query_of(const Filter& filter) {
  Document query;
  for (const Test& test : filter.tests()) {
    // Only what narrows a search most; the rest is looked at one by one.
    if (test.op != Op::eq || !test.argument.is_string()) continue;
    const auto& text = test.argument.get_ref<const std::string&>();
    const bool plain = !parse_date(text) && text.find('\0') == std::string::npos;
    const bool known = test.field == Field::msg_id || test.field == Field::label || test.field == Field::engine_uuid ||
                       test.field == Field::client_uuid;
    if (plain && known) query.add(info(test.field).name, std::string_view(text));
  }
  return query;
}

Document projection_of(FieldSet fields, const Filter& filter) {
  Document out;
  for (const Field field : columns_for(fields, filter)) out.add(info(field).name, std::int32_t{1});
  return out;
}

}  // namespace camshaft::hub

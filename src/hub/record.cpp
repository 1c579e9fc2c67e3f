#include "hub/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <type_traits>

#include "core/date.hpp"
#include "hub/date.hpp"
#include "hub/error.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

/// The parts of a record that are JSON text.
const Blob* text_of(const TaskRecord& record, Field field) {
  switch (field) {
    case Field::header:
      return &record.header;
    case Field::metadata:
      return &record.metadata;
    case Field::content:
      return &record.content;
    case Field::result_header:
      return &record.result_header;
    case Field::result_metadata:
      return &record.result_metadata;
    case Field::result_content:
      return &record.result_content;
    case Field::execute_result:
      return &record.execute_result;
    case Field::error:
      return &record.error;
    default:
      return nullptr;
  }
}

Json text_or_null(std::string_view text) { return text.empty() ? Json() : Json(text); }
Json date_or_null(const std::optional<WallTime>& date) { return date ? Json(format_sortable_date(*date)) : Json(); }

Json queue_name(Queue queue) {
  switch (queue) {
    case Queue::mux:
      return "mux";
    case Queue::task:
      return "task";
    case Queue::none:
      break;
  }
  return {};
}

std::size_t total(const std::vector<Blob>& buffers) {
  std::size_t bytes = 0;
  for (const Blob& buffer : buffers) bytes += buffer.size();
  return bytes;
}

/// Counts levels outside strings; wrong for text that is not JSON, which the parser refuses anyway.
bool too_deep(std::string_view text) {
  constexpr int kLimit = 200;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if ((c == '{' || c == '[') && ++depth > kLimit) {
      return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

const FieldInfo* find_field(std::string_view name) {
  const auto* found = std::find_if(kFields.begin(), kFields.end(), [&](const FieldInfo& f) { return f.name == name; });
  return found == kFields.end() ? nullptr : found;
}

void apply(TaskRecord& record, Change change) {
  std::visit(
      [&](auto&& c) {
        using C = std::decay_t<decltype(c)>;
        if constexpr (std::is_same_v<C, Dispatched>) {
          record.engine = std::move(c.engine);
        } else if constexpr (std::is_same_v<C, Finished>) {
          if (!c.engine.empty()) record.engine = std::move(c.engine);
          record.started = c.started;
          record.completed = c.completed;
          record.received = c.received;
          record.status = c.status;
          record.result_header = std::move(c.header);
          record.result_metadata = std::move(c.metadata);
          record.result_content = std::move(c.content);
          record.result_buffers = std::move(c.buffers);
        } else if constexpr (std::is_same_v<C, Printed>) {
          (c.stream == Stream::out ? record.out : record.err) += c.text;
        } else if constexpr (std::is_same_v<C, Displayed>) {
          if (c.what == Displayed::What::execute_input) {
            record.execute_input = c.value.str();
          } else {
            (c.what == Displayed::What::error ? record.error : record.execute_result) = std::move(c.value);
          }
        } else {
          record.resubmitted = std::move(c.as);
        }
      },
      std::move(change));
}

void merge_into_stub(TaskRecord& stub, TaskRecord request) {
  stub.header = std::move(request.header);
  stub.metadata = std::move(request.metadata);
  stub.content = std::move(request.content);
  stub.buffers = std::move(request.buffers);
  stub.submitted = request.submitted;
  stub.client = std::move(request.client);
  stub.queue = request.queue;
  if (stub.engine.empty()) stub.engine = std::move(request.engine);
}

std::size_t footprint(const TaskRecord& record) {
  return record.header.size() + record.metadata.size() + record.content.size() + total(record.buffers) +
         record.result_header.size() + record.result_metadata.size() + record.result_content.size() +
         total(record.result_buffers) + (record.execute_input ? record.execute_input->size() : 0) +
         record.execute_result.size() + record.error.size() + record.out.size() + record.err.size();
}

nlohmann::json parse_untrusted(std::string_view text) {
  if (text.empty() || too_deep(text)) return {};
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json() : value;
}

void append_quoted(std::string& json, std::string_view text) { json += json_text(Json(text)); }

nlohmann::json field_value(const TaskRecord& record, Field field) {
  if (const Blob* text = text_of(record, field)) {
    Json value = parse_untrusted(text->view());
    unify_dates(value);
    return value;
  }
  switch (field) {
    case Field::msg_id:
      return record.id.value;
    case Field::buffers:
      return record.stub() ? Json() : Json(record.buffers.size());
    case Field::submitted:
      return date_or_null(record.submitted);
    case Field::client_uuid:
      return text_or_null(record.client.value);
    case Field::engine_uuid:
      return text_or_null(record.engine.value);
    case Field::started:
      return date_or_null(record.started);
    case Field::completed:
      return date_or_null(record.completed);
    case Field::resubmitted:
      return text_or_null(record.resubmitted.value);
    case Field::received:
      return date_or_null(record.received);
    case Field::result_buffers:
      return record.completed ? Json(record.result_buffers.size()) : Json();
    case Field::queue:
      return queue_name(record.queue);
    case Field::execute_input:
      return record.execute_input ? Json(*record.execute_input) : Json();
    case Field::out:
      return record.out;
    case Field::err:
      return record.err;
    case Field::label: {
      // The label is part of the request's metadata; looking it up here keeps it off the path of every task.
      Json metadata = parse_untrusted(record.metadata.view());
      if (!metadata.is_object() || !metadata.contains("label")) return {};
      unify_dates(metadata["label"]);
      return metadata["label"];
    }
    default:
      return {};
  }
}

void append_field(std::string& json, const TaskRecord& record, Field field) {
  if (const Blob* text = text_of(record, field)) {
    if (text->empty()) {
      json += "null";
    } else if (Json::accept(text->view())) {
      json += text->view();
    } else {
      json += "{}";  // clients index these without a look at their type
    }
    return;
  }
  if (field == Field::label) {  // as it was sent: a date in it is nobody's business here
    const Json metadata = parse_untrusted(record.metadata.view());
    json += metadata.is_object() && metadata.contains("label") ? json_text(metadata["label"]) : "null";
    return;
  }
  json += json_text(field_value(record, field));
}

}  // namespace camshaft::hub

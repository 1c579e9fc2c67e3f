// sched/json_value.hpp: from simdjson's view of a document to values that outlive it.
// Thread: plain functions. Owns: nothing. Errors: none; what is nested too deeply becomes null.
#pragma once
#include <simdjson.h>

#include "sched/properties.hpp"

namespace camshaft::sched {

/// A copy of the element. Nesting beyond 32 levels reads as null: properties are looked at, not walked.
Value value_of(simdjson::dom::element element, int levels = 32);

}  // namespace camshaft::sched

// mongo/mongo.hpp: task records in MongoDB, by libmongoc. A module of its own, loaded when it is asked for, so that
// other
//                  controllers do not carry it.
// Thread: one for each store; several stores may use the same collection.
// Owns:   its connection.
// Errors: what the server refuses, or that it cannot be reached, comes back with libmongoc's words. A document that
// alone
//         is refused, for instance because it is too large, is left out and counted as ignored.
//
// Database and collection are named as the original's. Texts, dates and dictionaries are kept as in SQLite's
// columns, so that every microsecond and byte comes back; buffers as lists of binaries, printed text as a list of
// pieces. What the original has written can be read.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "hub/store/store.hpp"

namespace camshaft::hub {

struct MongoOptions {
  std::string uri = "mongodb://localhost:27017";
  std::string database = "ipython-tasks";
};

/// The server takes documents of up to 16 MB, and a record has buffers of a request and of a result.
inline constexpr std::size_t kMongoBufferLimit = std::size_t{7} << 20;

/// Does not wait for the server: that it cannot be reached is said by what is asked of the store.
Result<std::unique_ptr<Store>> open_mongo(const MongoOptions& options);

}  // namespace camshaft::hub

/// What the module is loaded for: open_mongo().
extern "C" void camshaft_open_mongo(const camshaft::hub::MongoOptions& options,
                                    camshaft::Result<std::unique_ptr<camshaft::hub::Store>>& result);

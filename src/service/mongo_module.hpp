// service/mongo_module.hpp: loads the module that keeps task records in MongoDB.
// Thread: any. Owns: nothing; a module that was loaded stays.
// Errors: one line that says what is missing.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>

#include "core/result.hpp"
#include "mongo/mongo.hpp"

namespace camshaft::service {

using OpenMongo = std::function<Result<std::unique_ptr<hub::Store>>(const hub::MongoOptions&)>;

/// From lib/camshaft beside the folder of the programs.
Result<OpenMongo> load_mongo();
Result<OpenMongo> load_mongo(const std::filesystem::path& module);

}  // namespace camshaft::service

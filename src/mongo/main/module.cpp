// The module's one function, in a form that dlsym finds: see mongo.hpp.
#include "mongo/mongo.hpp"

extern "C" void camshaft_open_mongo(const camshaft::hub::MongoOptions& options,
                                    camshaft::Result<std::unique_ptr<camshaft::hub::Store>>& result) {
  result = camshaft::hub::open_mongo(options);
}

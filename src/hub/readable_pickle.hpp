// hub/readable_pickle.hpp: our results, whose large parts travel beside their pickle, as one pickle that any peer
// reads. Thread: pure functions. Errors: none; what is in the pickles is not looked at.
#pragma once
#include <span>

#include "core/blob.hpp"

namespace camshaft::hub {

/// A pickle of `pickle.loads(frames[0], buffers=frames[1:])`, so to say: reading it yields what the frames hold.
Blob pickle_with_buffers(std::span<const Blob> frames);

}  // namespace camshaft::hub

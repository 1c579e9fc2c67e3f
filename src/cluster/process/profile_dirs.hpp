// cluster/process/profile_dirs.hpp: makes a profile's folders, with the modes that keep keys private.
// Thread: any. Owns: nothing.
// Errors: Errc::unavailable naming the folder and the system's reason.
#pragma once
#include "cluster/profile.hpp"
#include "core/result.hpp"

namespace camshaft::cluster {

/// Makes the profile and its security (0700), log (0755) and pid (0700) folders; existing ones get these modes.
Result<Done> create_profile(const Profile& profile);

}  // namespace camshaft::cluster

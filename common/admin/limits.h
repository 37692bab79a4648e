#pragma once
// Limits of the admin server. Threading: constants.

#include <chrono>
#include <cstddef>

namespace weir::admin {

inline constexpr std::size_t kConnectionsMax = 64;
inline constexpr std::size_t kHeaderBytesMax = 16 * 1024;
/// From accepting (or the last answer) to the next answer being sent.
inline constexpr std::chrono::seconds kRequestTimeout{5};
/// Pause after a failed accept (out of descriptors), so that it does not spin.
inline constexpr std::chrono::milliseconds kAcceptRetryDelay{100};

}  // namespace weir::admin

// A source of its own, so that all others are compiled alike wherever the source tree lies.
#include <filesystem>

namespace support {

std::filesystem::path golden_folder() { return BORA_GOLDEN_FOLDER; }

}  // namespace support

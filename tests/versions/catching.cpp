// A program that catches what a library with other flags throws: each error by its own type and by the base's.
#include <bora/core/error.hpp>
#include <cstdio>

void throw_error(int kind);

namespace {

template <class Expected>
bool caught(int kind) {
  bool by_type = false;
  try {
    throw_error(kind);
  } catch (const Expected& error) {
    by_type = *error.what() != '\0';
  } catch (...) {
  }
  try {
    throw_error(kind);
  } catch (const bora::Error&) {
    return by_type;
  } catch (...) {
  }
  return false;
}

}  // namespace

int main() {
  const bool all[] = {caught<bora::Error>(0),         caught<bora::FileError>(1),   caught<bora::ConfigError>(2),
                      caught<bora::CapacityError>(3), caught<bora::MemoryError>(4), caught<bora::TokenError>(5),
                      caught<bora::Cancelled>(6),     caught<bora::FileError>(7)};
  int kind = 0, missed = 0;
  for (const bool matches : all) {
    if (!matches) missed += std::printf("error %d was not caught by its type, or not as bora::Error\n", kind);
    ++kind;
  }
  return missed == 0 ? 0 : 1;
}

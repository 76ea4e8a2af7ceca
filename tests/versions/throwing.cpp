// A library that throws what bora throws, one kind of error a number, and at last what bora itself throws.
#include <bora/files/mapped_file.hpp>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void throw_error(int kind);
void throw_error(int kind) {
  switch (kind) {
    case 0:
      throw bora::Error("of the base");
    case 1:
      throw bora::FileError("of a file");
    case 2:
      throw bora::ConfigError("of a configuration");
    case 3:
      throw bora::CapacityError("of a capacity");
    case 4:
      throw bora::MemoryError("of memory");
    case 5:
      throw bora::TokenError("of a token");
    case 6:
      throw bora::Cancelled("of a caller");
    default:
      bora::MappedFile("/nowhere/to/be/found");
  }
}

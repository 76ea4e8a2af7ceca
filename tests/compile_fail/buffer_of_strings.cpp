// expect: Buffer: holds plain numbers only
#include <bora/core/memory.hpp>
#include <string>

int main() { bora::Buffer<std::string> buffer(3); }

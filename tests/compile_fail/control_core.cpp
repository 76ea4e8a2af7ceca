// expect: compiles
#include <bora/core/format.hpp>

int main() {}

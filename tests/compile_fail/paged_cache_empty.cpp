// expect: PagedCache: a page holds whole runs; use a multiple of 16 positions
#include <bora/cache/policy.hpp>

int main() { return static_cast<int>(bora::PagedCache<0, bora::F32>::page); }

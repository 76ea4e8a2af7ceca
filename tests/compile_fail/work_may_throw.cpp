// expect: Executor: work on a lane must be noexcept
#include <bora/core/executor.hpp>

int main() {
  bora::ThreadPool pool(2);
  pool.run([](std::size_t) {});
}

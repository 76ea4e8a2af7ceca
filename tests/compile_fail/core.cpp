// Mistakes below the models.
#include <bora/core/executor.hpp>
#include <bora/core/memory.hpp>
#include <string>

// expect: Buffer: holds plain numbers only
namespace buffer_of_strings {
inline void use() { bora::Buffer<std::string> buffer(3); }
}  // namespace buffer_of_strings

// expect: Executor: work on a lane must be noexcept
namespace work_may_throw {
inline void use() {
  bora::ThreadPool pool(2);
  pool.run([](std::size_t) {});
}
}  // namespace work_may_throw

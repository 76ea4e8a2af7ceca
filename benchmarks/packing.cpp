// How fast a folder's weights are loaded into panels, from files in the page cache, against reading the same mapped
// file, and against copying it into memory that the system has yet to clear, which no loader can do without. "pack" is
// the same work into memory that is there already. All by turns in one run, medians.
//
//     cmake -S . -B build -G Ninja -DBORA_BUILD_BENCHMARKS=ON -DBORA_BUILD_TESTS=OFF
//     ninja -C build packing && build/bin/packing [THREADS] [FOLDER]
//
// FOLDER, where the files are written (1 to 2 GB) and from which they are removed, must have room; by default the
// folder for temporary files.
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <bora/simd/target.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct OneLayer : bora::Mistral7B {  // 480 million parameters
  static constexpr std::size_t layers = 1;
};

/// One thread is timed by its own processor time, which a busy machine lengthens little; several by the clock.
template <class Work>
double seconds(const bora::Executor& pool, Work&& work) {
  const auto now = [&] {
    if (pool.lanes() == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  const double start = now();
  work();
  return now() - start;
}
double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

volatile unsigned sink = 0;

/// Reads a mapped file, each lane its share, from pages that are in the page cache.
void read(const bora::MappedFile& file, bora::Executor& pool) {
  bora::run_gang(&pool, [&](const bora::Lane& lane) noexcept {
    const bora::Range share = lane.share(file.size(), 4096);
    unsigned long long sum[8] = {};
    for (std::size_t i = share.begin; i + sizeof sum <= share.end; i += sizeof sum) {
      unsigned long long line[8];
      std::memcpy(line, file.bytes().data() + i, sizeof line);
      __builtin_prefetch(file.bytes().data() + i + 2048);
      for (std::size_t k = 0; k < 8; ++k) sum[k] += line[k];
    }
    if (lane.index == 0)
      sink = static_cast<unsigned>(sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7]);
  });
}
/// Copies a mapped file into memory that nothing was written to yet.
void copy(const bora::MappedFile& file, bora::Executor& pool) {
  bora::Buffer<std::byte> fresh(file.size());
  bora::run_gang(&pool, [&](const bora::Lane& lane) noexcept {
    const bora::Range share = lane.share(file.size(), 4096);
    std::memcpy(fresh.data() + share.begin, file.bytes().data() + share.begin, share.size());
  });
}

/// Packs a file's bytes as one matrix of the format, of 4096 columns, into memory that was written to before.
template <class Format>
void pack(const bora::MappedFile& file, bora::Executor& pool, bora::ElementType type,
          bora::Buffer<typename Format::Storage>& memory) {
  constexpr std::size_t columns = 4096, header = 4096;
  const std::size_t row_bytes = columns * bora::stored_bytes(type, 1);
  const std::size_t rows = (file.size() - header) / row_bytes / 16 * 16;
  const bora::PackedMatrix<Format> matrix{{memory.data(), rows, columns}};
  const bora::StoredTensor stored{
      .role = {}, .shape = {rows, columns}, .type = type, .data = file.bytes().data() + header, .row_length = columns};
  bora::run_gang(&pool, [&](const bora::Lane& lane) noexcept {
    if (!matrix.pack(stored, lane.share(rows / 16), reinterpret_cast<std::byte*>(memory.data()))) sink = 1;
  });
}

/// BF16's bytes are as good as any for F16: only the header's words differ.
void call_f16(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  std::string header(1 << 16, ' ');
  stream.read(header.data(), static_cast<std::streamsize>(header.size()));
  for (std::size_t at = 0; (at = header.find("\"BF16\"", at)) != header.npos;) header.replace(at, 6, "\"F16\" ");
  stream.seekp(0);
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
}

template <class Format>
void measure(const char* name, bora::ElementType type, const fs::path& folder, bora::ThreadPool& pool) {
  std::vector<double> reading, copying, loading, packing;
  bora::Buffer<typename Format::Storage> memory(bora::parameter_count<OneLayer>);
  constexpr std::size_t repeats = 5;
  for (std::size_t r = 0; r < repeats; ++r) {
    const bora::MappedFile file(folder / "model.safetensors");
    const double gigabytes = static_cast<double>(file.size()) / 1e9;
    const auto rate = [&](auto&& work) { return gigabytes / seconds(pool, work); };
    reading.push_back(rate([&] { read(file, pool); }));
    copying.push_back(rate([&] { copy(file, pool); }));
    loading.push_back(rate([&] { bora::load<OneLayer, Format>(folder, {.pool = &pool}); }));
    if (r == 0) pack<Format>(file, pool, type, memory);
    packing.push_back(rate([&] { pack<Format>(file, pool, type, memory); }));
  }
  const auto share = [&](const std::vector<double>& of) { return 100 * median(loading) / median(of); };
  std::printf("%-12s %8.2f %8.2f %8.2f %8.2f   %4.0f %% %4.0f %%\n", name, median(loading), median(packing),
              median(reading), median(copying), share(reading), share(copying));
}

}  // namespace

int main(int argc, char** argv) try {
  const std::size_t threads = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : bora::usable_cores();
  if (threads == 0 || argc > 3) return std::fprintf(stderr, "usage: %s [THREADS] [FOLDER]\n", argv[0]), 2;
  const fs::path folder = (argc > 2 ? fs::path(argv[2]) : fs::temp_directory_path()) / "bora-packing";
  bora::ThreadPool pool{threads};
  std::printf("kernels %s, %zu threads; GB/s, medians of 5, and loading as a share of reading and copying\n",
              bora::simd::target_name().c_str(), threads);
  std::printf("%-12s %8s %8s %8s %8s\n", "", "load", "pack", "read", "copy");
  const auto write = [&](bora::StoredNumbers numbers) {
    bora::save(bora::random_model<OneLayer, bora::F32>(1), folder, {.numbers = numbers});
  };
  write(bora::StoredNumbers::bf16);
  measure<bora::Bf16>("BF16", bora::ElementType::bf16, folder, pool);
  measure<bora::F32>("BF16 to F32", bora::ElementType::bf16, folder, pool);
  call_f16(folder / "model.safetensors");
  measure<bora::F16>("F16", bora::ElementType::f16, folder, pool);
  write(bora::StoredNumbers::f32);
  measure<bora::F32>("F32", bora::ElementType::f32, folder, pool);
  measure<bora::Bf16>("F32 to Bf16", bora::ElementType::f32, folder, pool);
  fs::remove_all(folder);
} catch (const std::exception& error) {
  return std::fprintf(stderr, "packing: %s\n", error.what()), 1;
}

/// How many cores this process may use: fewer than the machine has in a container, or under `taskset`.
#pragma once
#include <bora/core/abi.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Cores that the calling thread may run on. 284 ns: a system call.
inline std::size_t cores_by_affinity() noexcept {
#if defined(__linux__)
  for (std::size_t most = 1024; most <= std::size_t{1} << 20;
       most *= 2) {  // the kernel rejects sets smaller than its own
    cpu_set_t* const set = CPU_ALLOC(most);
    if (set == nullptr) break;
    const bool known = ::sched_getaffinity(0, CPU_ALLOC_SIZE(most), set) == 0;
    const int count = known ? CPU_COUNT_S(CPU_ALLOC_SIZE(most), set) : 0;
    CPU_FREE(set);
    if (count > 0) return static_cast<std::size_t>(count);
  }
#endif
  return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

#if defined(__linux__)
/// The file's text; "" if it cannot be read.
inline std::string small_file(const std::string& path) {
  std::string text;
  if (std::FILE* const file = std::fopen(path.c_str(), "re")) {
    char part[4096];
    for (std::size_t n; text.size() < (std::size_t{1} << 22) && (n = std::fread(part, 1, sizeof part, file)) > 0;)
      text.append(part, n);
    std::fclose(file);
  }
  return text;
}

/// Cuts `text` after the first `end`, returning what was before it.
inline std::string_view cut(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return head;
}

/// Whether "cpu,cpuacct" names cpu.
inline bool names_cpu(std::string_view list) {
  while (!list.empty())
    if (cut(list, ',') == "cpu") return true;
  return false;
}

/// Cores' worth of time that one control group grants, by either version of its files; `unlimited` without a quota.
inline double group_quota(const std::string& folder, double unlimited) {
  double quota = 0, period = 0;
  if (std::sscanf(small_file(folder + "/cpu.max").c_str(), "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
    return quota / period;
  if (std::sscanf(small_file(folder + "/cpu.cfs_quota_us").c_str(), "%lf", &quota) == 1 && quota > 0 &&
      std::sscanf(small_file(folder + "/cpu.cfs_period_us").c_str(), "%lf", &period) == 1 && period > 0)
    return quota / period;
  return unlimited;
}

/// The path of this process below a hierarchy: of version 2 ("0::/path"), or of the one that has the controller cpu.
inline std::string_view group_path(std::string_view groups, bool version_2) {
  while (!groups.empty()) {
    std::string_view line = cut(groups, '\n');
    if (version_2 && line.substr(0, 3) == "0::") return line.substr(3);
    cut(line, ':');  // the hierarchy's number
    if (!version_2 && names_cpu(cut(line, ':'))) return line;
  }
  return {};
}

/// "\040" is how a mount point's blank is written.
inline std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size();
    plain +=
        escaped ? static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')) : text[i];
    if (escaped) i += 3;
  }
  return plain;
}

/// The least quota of the process' control group and of those around it, as far as they can be seen.
/// \param process  /proc/self, or a substitute in tests
inline double quota_of_groups(const std::string& process, double unlimited) {
  const std::string groups = small_file(process + "/cgroup"), mounts = small_file(process + "/mountinfo");
  double least = unlimited;
  for (std::string_view rest = mounts; !rest.empty();) {
    std::string_view line = cut(rest, '\n'), after = line;
    for (int field = 0; field < 3; ++field) cut(line, ' ');  // mount, parent, device
    const std::string root = without_escapes(cut(line, ' ')), mount = without_escapes(cut(line, ' '));
    after.remove_prefix(std::min(after.find(" - "), after.size()));
    after.remove_prefix(std::min<std::size_t>(3, after.size()));
    const std::string_view kind = cut(after, ' ');
    cut(after, ' ');  // source
    if (kind != "cgroup2" && !(kind == "cgroup" && names_cpu(after))) continue;
    std::string path(group_path(groups, kind == "cgroup2"));
    // A container may see only a part of the tree: its own root is mounted, while paths name the whole tree.
    if (root != "/" && path.compare(0, root.size(), root) == 0) path.erase(0, root.size());
    if (path.find("/..") != path.npos || (!path.empty() && path[0] != '/')) path.clear();
    for (;; path.resize(path.rfind('/'))) {
      while (!path.empty() && path.back() == '/') path.pop_back();
      least = std::min(least, group_quota(mount + path, unlimited));
      if (path.empty()) break;
    }
  }
  return least;
}
#endif

}  // namespace detail

/// How many cores this process can keep busy, at least 1: those that its affinity mask allows (`taskset`, cpusets), and
/// no more than the CPU quotas of its control groups grant (`docker --cpus`, a pod's limit), rounded to the nearest.
/// The number of lanes to give a ThreadPool. Reads a few small files on Linux; elsewhere it is
/// std::thread::hardware_concurrency().
inline std::size_t usable_cores() {
  const std::size_t cores = detail::cores_by_affinity();
#if defined(__linux__)
  const double quota = detail::quota_of_groups("/proc/self", static_cast<double>(cores));
  return std::max<std::size_t>(std::min(cores, static_cast<std::size_t>(quota + 0.5)), 1);
#else
  return cores;
#endif
}

}}  // namespace bora::BORA_ABI

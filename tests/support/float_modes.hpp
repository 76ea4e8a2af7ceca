/// Floating-point modes that a caller may be in without knowing.
#pragma once
#include <cfenv>
#include <cstdint>
#include <vector>

namespace bora::test {

/// A direction of rounding, and whether subnormal numbers are flushed to zero.
struct CallersMode {
  const char* name;
  int rounding;
  bool flushes;
};

/// Sets one for this thread while it lives.
class ModeSet {
 public:
  explicit ModeSet(const CallersMode& mode) : mode_(mode) {
    std::fegetenv(&before_);
    std::fesetround(mode.rounding);
    if (mode.flushes) write(read() | flush);
  }
  ModeSet(const ModeSet&) = delete;
  ModeSet& operator=(const ModeSet&) = delete;
  ~ModeSet() { std::fesetenv(&before_); }
  /// Whether the thread is still in it.
  bool holds() const { return std::fegetround() == mode_.rounding && ((read() & flush) != 0) == mode_.flushes; }

 private:
#if defined(__SSE2__)
  using Word = std::uint32_t;
  static constexpr Word flush = 0x8040;  // FTZ and DAZ of MXCSR
  static Word read() { return __builtin_ia32_stmxcsr(); }
  static void write(Word word) { __builtin_ia32_ldmxcsr(word); }
#elif defined(__aarch64__)
  using Word = std::uint64_t;
  static constexpr Word flush = 0x1000000;  // FZ of FPCR
  static Word read() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = std::uint32_t;
  static constexpr Word flush = 0;
  static Word read() { return 0; }
  static void write(Word) {}
#endif
  const CallersMode mode_;
  std::fenv_t before_;
};

/// Those that the tests try: none on processors whose mode the library does not set.
inline std::vector<CallersMode> float_modes() {
#if defined(__SSE2__) || defined(__aarch64__)
  return {
      {"flush to zero", FE_TONEAREST, true}, {"upward", FE_UPWARD, false}, {"downward, flushing", FE_DOWNWARD, true}};
#else
  return {};
#endif
}

}  // namespace bora::test

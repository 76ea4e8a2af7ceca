/// Sets the floating-point mode that the library computes in, whatever the caller's mode is.
#pragma once
#include <bora/core/abi.hpp>
#include <cstdint>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// While this object lives, the thread rounds to nearest, computes subnormal numbers and does not trap; its destructor
/// restores the caller's mode. A caller may be in another mode without knowing it: loading a library that was built
/// with -ffast-math makes the processor flush subnormal numbers to zero, and threads inherit the mode of the thread
/// that starts them. Costs a few nanoseconds where the mode is the default. Does nothing on other processors than x86
/// and AArch64.
class FloatMode {
 public:
  FloatMode() noexcept : callers_(read()), differs_((callers_ & controls) != defaults) {
    if (differs_) write((callers_ & ~controls) | defaults);
#if defined(__x86_64__) || defined(__i386__)
    // The x87 unit too: the C library parses numbers in its rounding direction.
    asm volatile("fnstcw %0" : "=m"(callers_x87_) : : "memory");
    if ((callers_x87_ & x87_rounding) != 0) write_x87(static_cast<std::uint16_t>(callers_x87_ & ~x87_rounding));
#endif
  }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;
  ~FloatMode() {
    if (differs_) write((read() & ~controls) | (callers_ & controls));  // exceptions raised meanwhile stay raised
#if defined(__x86_64__) || defined(__i386__)
    if ((callers_x87_ & x87_rounding) != 0) write_x87(callers_x87_);
#endif
  }

 private:
  // Assembly, not intrinsics: the clobbered memory keeps the compiler from moving loads and stores across.
#if defined(__SSE2__)
  using Word = std::uint32_t;
  // MXCSR: denormals are zero 0x40, exceptions masked 0x1f80, rounding 0x6000, flush to zero 0x8000.
  static constexpr Word controls = 0xffc0, defaults = 0x1f80;
  static Word read() noexcept {
    Word word;
    asm volatile("stmxcsr %0" : "=m"(word) : : "memory");
    return word;
  }
  static void write(Word word) noexcept { asm volatile("ldmxcsr %0" : : "m"(word) : "memory"); }
#elif defined(__aarch64__)
  using Word = std::uint64_t;
  // FPCR: alternate handling of subnormal numbers 0x7, traps 0x9f00, flush half floats 0x80000, rounding 0xc00000,
  // flush to zero 0x1000000, default NaN 0x2000000.
  static constexpr Word controls = 0x3c89f07, defaults = 0;
  static Word read() noexcept {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word) : : "memory");
    return word;
  }
  static void write(Word word) noexcept { asm volatile("msr fpcr, %0" : : "r"(word) : "memory"); }
#else
  using Word = std::uint32_t;
  static constexpr Word controls = 0, defaults = 0;
  static Word read() noexcept { return 0; }
  static void write(Word) noexcept {}
#endif
#if defined(__x86_64__) || defined(__i386__)
  static constexpr std::uint16_t x87_rounding = 0x0c00;
  static void write_x87(std::uint16_t word) noexcept { asm volatile("fldcw %0" : : "m"(word) : "memory"); }
  std::uint16_t callers_x87_ = 0;
#endif

  const Word callers_;
  const bool differs_;
};

}}}  // namespace bora::BORA_ABI::detail

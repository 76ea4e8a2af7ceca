/// Reads text files in parts: memory does not grow with their size, and a file that is truncated meanwhile simply ends
/// there.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A file's bytes from front to back, a part at a time.
class PartReader {
 public:
  /// Reads bytes [begin, end) of what the file holds. Throws FileError where it is missing, a folder, no regular file
  /// or unreadable.
  explicit PartReader(std::filesystem::path path, std::uintmax_t begin = 0,
                      std::uintmax_t end = std::numeric_limits<std::uintmax_t>::max())
      : path_(std::move(path)), file_(open_stream(path_)) {
    for (left_ = begin; left_ > 0 && !next().empty();) {
    }
    left_ = end - begin;
  }

  /// The next bytes, valid until the next call; empty at the end. Throws FileError where the disk fails.
  std::string_view next() {
    part_.resize(static_cast<std::size_t>(std::min<std::uintmax_t>(left_, part_size)));
    const std::size_t got = part_.empty() ? 0 : std::fread(part_.data(), 1, part_.size(), file_.get());
    if (std::ferror(file_.get())) refuse_file(path_, "cannot be read: ", system_message(errno));
    left_ -= got;
    return std::string_view(part_).substr(0, got);
  }

 private:
  static constexpr std::size_t part_size = std::size_t{1} << 18;

  std::filesystem::path path_;
  FileHandle file_;
  std::string part_;
  std::uintmax_t left_ = 0;
};

/// A file's lines, without their ends. A line is in memory as a whole, the file is not.
class LineReader {
 public:
  /// Throws as PartReader does.
  explicit LineReader(const std::filesystem::path& path) : reader_(path) {}

  /// Goes to the next line. Throws FileError where the disk fails.
  bool next() {
    line_.clear();
    std::size_t end = rest_.find('\n');
    if (end == rest_.npos) {
      line_ = rest_;
      while ((rest_ = reader_.next(), end = rest_.find('\n')) == rest_.npos && !rest_.empty()) line_ += rest_;
      empty_ = empty_ && line_.empty() && rest_.empty();
      if (rest_.empty() && line_.empty()) return false;
      line_ += rest_.substr(0, end);
      text_ = line_;
    } else {
      text_ = rest_.substr(0, end);
    }
    empty_ = false;
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (++number_ == 1 && text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);  // Windows' mark of UTF-8
    return true;
  }
  /// The line, valid until the next one.
  std::string_view text() const noexcept { return text_; }
  /// Its number, from 1.
  std::size_t number() const noexcept { return number_; }
  /// Whether the file had no bytes at all.
  bool empty_file() const noexcept { return empty_; }

 private:
  PartReader reader_;
  std::string_view rest_;  ///< of the part that was read last
  std::string line_;       ///< a line that continues from part to part
  std::string_view text_;
  std::size_t number_ = 0;
  bool empty_ = true;
};

/// Cuts a text that arrives in parts at a separator; without one it is a single document.
class DocumentCutter {
 public:
  explicit DocumentCutter(std::string_view separator) : separator_(separator) {}

  /// Calls `text(bytes)` for text, which may come in several parts, and `end()` at each separator.
  template <class Text, class End>
  void push(std::string_view bytes, Text text, End end) {
    if (separator_.empty()) return bytes.empty() ? void() : text(bytes);
    waiting_ += bytes;
    std::string_view rest = waiting_;
    for (std::size_t cut; (cut = rest.find(separator_)) != rest.npos; rest.remove_prefix(cut + separator_.size())) {
      if (cut > 0) text(rest.substr(0, cut));
      end();
    }
    const std::size_t sure = rest.size() - std::min(rest.size(), separator_.size() - 1);  // no separator begins here
    if (sure > 0) text(rest.substr(0, sure));
    waiting_.erase(0, waiting_.size() - (rest.size() - sure));
  }
  /// Ends the text and its last document.
  template <class Text, class End>
  void finish(Text text, End end) {
    if (!waiting_.empty()) text(std::string_view(waiting_));
    waiting_.clear();
    end();
  }

 private:
  std::string separator_;
  std::string waiting_;
};

}}}  // namespace bora::BORA_ABI::detail

/// What a command does with any model: compiled once, in commands.cpp.
#pragma once
#include <bora/any/any_model.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace any_test {

/// The greedy text of `count` tokens after a prompt.
std::vector<std::int32_t> greedy(bora::AnyModel& model, const std::vector<std::int32_t>& prompt, std::size_t count);

}  // namespace any_test

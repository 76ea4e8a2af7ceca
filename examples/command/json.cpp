#include "json.hpp"
#include <bora/io/json.hpp>

std::string command::json_text(std::string_view text) {
  return bora::Json(text).dump(-1, ' ', false, bora::Json::error_handler_t::replace);
}

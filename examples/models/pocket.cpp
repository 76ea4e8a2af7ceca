#include "../pocket.hpp"
#include <bora/any/registry.hpp>

BORA_REGISTER_MODEL(Pocket, bora::Bf16);

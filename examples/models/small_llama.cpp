#include "../small_llama.hpp"
#include <bora/any/registry.hpp>

BORA_REGISTER_MODEL(SmallLlama, bora::Bf16);

#include <bora/any/registry.hpp>
#include <bora/model/zoo/llama.hpp>

BORA_REGISTER_MODEL(bora::TinyLlama1_1B, bora::Bf16);

#include <bora/any/registry.hpp>
#include <bora/model/zoo/llama.hpp>

BORA_REGISTER_MODEL(bora::Stories260K, bora::F32);

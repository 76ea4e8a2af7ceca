// The one source that names the models.
#include "any/registered.hpp"
#include <bora/any/registry.hpp>

BORA_REGISTER_MODEL(any_test::Wide, bora::F32);
BORA_REGISTER_MODEL(any_test::Wide, bora::Bf16);
BORA_REGISTER_MODEL(any_test::Routed, bora::F32);

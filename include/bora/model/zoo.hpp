/// The published models that bora knows by name.
#pragma once
#include <bora/model/zoo/falcon.hpp>
#include <bora/model/zoo/gemma.hpp>
#include <bora/model/zoo/gpt2.hpp>
#include <bora/model/zoo/gpt3.hpp>
#include <bora/model/zoo/llama.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <bora/model/zoo/mixtral.hpp>
#include <bora/model/zoo/mpt.hpp>
#include <bora/model/zoo/olmo.hpp>
#include <bora/model/zoo/pythia.hpp>
#include <bora/model/zoo/qwen.hpp>

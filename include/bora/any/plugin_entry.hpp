/// The source of a plugin includes this, defines a spec, and says BORA_PLUGIN(Spec, Format, "identity").
#pragma once
#include <bora/any/model_of_any.hpp>
#include <bora/any/plugin_descriptor.hpp>
#include <cstddef>
#include <memory>

/// Exports the model S in the weight format F: the one symbol of a plugin.
#define BORA_PLUGIN(S, F, identity)                                                                               \
  extern "C" BORA_VISIBLE const bora::PluginDescriptor bora_plugin = {                                            \
      {'b', 'o', 'r', 'a', 'p', 'i', '1', '\0'},                                                                  \
      {},                                                                                                         \
      identity,                                                                                                   \
      [](bora::AnyTensorSource* source, const char* name, std::size_t threads) -> bora::AnyModel* {               \
        return new bora::detail::ModelOfAny<S, F>(std::unique_ptr<bora::AnyTensorSource>(source), name, threads); \
      }}

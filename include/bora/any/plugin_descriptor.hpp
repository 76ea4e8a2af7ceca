/// What a plugin tells the program that loads it, before any of its code runs: plain constant data.
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/core/abi.hpp>
#include <bora/layers/stored_tensor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace bora {

/// The interface between a program and a plugin, raised whenever a class of any_model.hpp, or this descriptor, changes.
inline constexpr std::uint32_t plugin_interface = 1;

/// Sizes of the types that cross between a program and a plugin, as its compiler laid them out.
struct PluginLayout {
  std::uint32_t interface = plugin_interface;                 ///< of the interface
  std::uint32_t model_info = sizeof(AnyModelInfo);            ///< bytes of an AnyModelInfo
  std::uint32_t session_options = sizeof(AnySessionOptions);  ///< bytes of an AnySessionOptions
  std::uint32_t packed_weights = sizeof(AnyPackedWeights);    ///< bytes of an AnyPackedWeights
  std::uint32_t tensor = sizeof(AnyTensor);                   ///< bytes of an AnyTensor
  std::uint32_t stored_tensor = sizeof(StoredTensor);         ///< bytes of a StoredTensor
  std::uint32_t string = sizeof(std::string);                 ///< bytes of a std::string
  friend bool operator==(const PluginLayout&, const PluginLayout&) = default;
};

/// The object `bora_plugin` of a plugin.
struct PluginDescriptor {
  char magic[8];         ///< "borapi1\0"
  PluginLayout layout;   ///< must equal the program's
  const char* identity;  ///< all that it was made of: must be what the program expects
  /// Makes the model from a source, whose owner it becomes; throws as `load` does.
  AnyModel* (*open)(AnyTensorSource* source, const char* name, std::size_t threads);
};

/// How a descriptor begins.
inline constexpr char plugin_magic[8] = "borapi1";

}  // namespace bora

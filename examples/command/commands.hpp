// The commands of the program `bora`, one source each.
#pragma once
#include "../program/program.hpp"

namespace command {

program::Command run();
program::Command generate();
program::Command info();
program::Command logits();
program::Command chat();
program::Command tokenize_command();
program::Command perplexity();
program::Command bench();
program::Command convert();
program::Command quantize();
program::Command pack();

}  // namespace command

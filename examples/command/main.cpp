// bora: any checkpoint in one command. `bora --help` lists the commands, `bora COMMAND --help` teaches one.
#include "commands.hpp"

int main(int argc, char** argv) {
  return program::run_commands(argc, argv, "Runs, measures, converts and trains language models.",
                               {command::run(), command::chat(), command::generate(), command::logits(),
                                command::info(), command::tokenize_command(), command::perplexity(), command::bench(),
                                command::convert(), command::quantize(), command::pack()});
}

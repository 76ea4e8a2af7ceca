// bora: any checkpoint in one command. `bora --help` lists the commands, `bora COMMAND --help` teaches one.
#include "commands.hpp"

int main(int argc, char** argv) {
  return program::run_commands(argc, argv, "Runs, measures, converts and trains language models.",
                               {command::run(), command::generate(), command::info(), command::logits()});
}

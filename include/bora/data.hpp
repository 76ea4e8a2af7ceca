/// The data room: from text to the token files that training reads.
#pragma once
#include <bora/data/pack_text.hpp>
#include <bora/io/token_file.hpp>

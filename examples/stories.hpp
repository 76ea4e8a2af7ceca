// Simple English stories from a seed: what the small models of these examples learn to write.
#pragma once
#include <bora/core/random.hpp>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace stories {

struct Plot {
  std::string_view wish, trouble, help, ending;
};

inline constexpr std::array<std::string_view, 12> names{"Lily", "Tom", "Anna", "Ben", "Mia",  "Sam",
                                                        "Zoe",  "Max", "Ella", "Leo", "Ruth", "Paul"};
inline constexpr std::array<std::string_view, 10> animals{"cat",  "dog",  "bird",  "fox",  "rabbit",
                                                          "frog", "duck", "mouse", "bear", "horse"};
inline constexpr std::array<std::string_view, 10> things{"ball", "kite", "book", "cake", "hat",
                                                         "boat", "drum", "cup",  "lamp", "box"};
inline constexpr std::array<std::string_view, 8> colours{"red",   "blue",  "green", "yellow",
                                                         "white", "black", "brown", "pink"};
inline constexpr std::array<std::string_view, 8> places{"park",  "garden", "forest", "house",
                                                        "river", "school", "barn",   "hill"};
inline constexpr std::array<Plot, 6> plots{{
    {"wanted to find", "It was not there.", "helped to look for it", "They found it under a tree."},
    {"lost", "It was gone.", "looked everywhere", "They saw it near the door."},
    {"wanted to share", "Nobody was there.", "came and sat down", "They had fun all day."},
    {"broke", "It did not work.", "knew how to mend it", "Soon it was as good as new."},
    {"made", "The wind took it away.", "ran after it", "They caught it before it fell."},
    {"gave away", "Then it was quiet.", "gave it back with a smile", "They played until the sun went down."},
}};

template <class List>
auto pick(bora::Random& random, const List& list) {
  return list[random.below(list.size())];
}

/// Story number `index` of `seed`; the same always.
inline std::string story(std::uint64_t seed, std::uint64_t index) {
  bora::Random random(seed, index);
  const std::string name(pick(random, names)), animal(pick(random, animals)), thing(pick(random, things));
  const std::string colour(pick(random, colours)), place(pick(random, places));
  const Plot plot = pick(random, plots);
  const std::string it = "the " + colour + " " + thing;
  std::string text = "Once upon a time, there was a child named " + name + ". ";
  text += name + " had a " + animal + ". ";
  text += "One day, " + name + " went to the " + place + " and " + std::string(plot.wish) + " " + it + ". ";
  text += std::string(plot.trouble) + " " + name + " was sad. ";
  text += "The " + animal + " " + std::string(plot.help) + ". ";
  text += std::string(plot.ending) + " " + name + " was happy and thanked the " + animal + ".\n";
  return text;
}

}  // namespace stories

// All words, sentences and episodes of the stories.
#pragma once
#include "story_friends.hpp"
#include "story_nature.hpp"
#include "story_notation.hpp"
#include "story_rules.hpp"
#include "story_things.hpp"
#include "story_trials.hpp"
#include "story_words.hpp"
#include <array>

namespace stories {

inline constexpr auto chapters = std::to_array<Chapter>({
    {tables, rules, {}},
    {things_tables, things_rules, things_episodes},
    {friends_tables, friends_rules, friends_episodes},
    {trials_tables, trials_rules, trials_episodes},
    {nature_tables, nature_rules, nature_episodes},
});

}  // namespace stories

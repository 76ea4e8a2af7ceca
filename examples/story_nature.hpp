// Episodes outdoors: animals in need, plants, snow, picnics, old neighbors.
#pragma once
#include "story_notation.hpp"
#include <array>

namespace stories {

inline constexpr auto nature_tables = std::to_array<Table>({
    {"baby/mother/sound/lives",
     "kitten/cat/meow/behind the mill;duckling/duck/quack/among the reeds;chick/hen/cheep/in the "
     "yard;lamb/sheep/baa/on the meadow;"
     "piglet/pig/squeal/behind the barn;fawn/deer/cry/at the edge of the wood;owlet/owl/hoot/in the old tower;"
     "foal/horse/neigh/in the field;gosling/goose/peep/by the pond;calf/cow/moo/in the green valley"},
    {"trap/rescue",
     "had fallen into a puddle and could not get out/held out a big leaf;was caught in a spider's web/pulled the "
     "threads apart, one by one;"
     "was lying on its back and could not turn over/turned it over with a blade of grass;was stuck in a drop of "
     "honey/washed it with some water;"
     "was shut up in an empty jar/took off the lid;had lost its way on the hot road/carried it into the cool grass"},
    {"pay/repay",
     "got lost in the fog/flew ahead and showed [him] the way;could not find [his] key/had seen it under the mat;"
     "had to find one gray pebble among a thousand/knew where it was;could not sleep for worry/sang a song outside the "
     "window;"
     "dropped a needle in the hay/crept into the hay and found it;did not know which mushrooms were good/knew every "
     "mushroom by its smell"},
    {"plant/bloom/plants",
     "bean/long green pods/beans;sunflower/a big yellow flower/sunflowers;pumpkin/a fat orange pumpkin/pumpkins;"
     "tomato/round red tomatoes/tomatoes;rose/a sweet pink flower/roses;strawberry/small red berries/strawberries;"
     "pea/sweet green peas/peas;melon/a heavy green melon/melons;cherry/white flowers like snow/cherries;poppy/a "
     "bright red flower/poppies"},
    {"spoil/instead",
     "a long line of ants was carrying the food away/moved the blanket and left the ants their share;"
     "dark clouds came, and it began to pour/ate under the table, and the rain drummed above them;"
     "a goat had eaten everything, even the napkins/picked berries, and the goat looked sorry;"
     "they had left the basket at home/shared one [food2] that was in [name2]'s bag;"
     "the juice had run all over the bread/called it juice bread and ate it with spoons;"
     "a family of ducks sat in the middle of the blanket/fed the ducks and counted the ducklings"},
    {"broke-what",
     "broke a window;hit a flower pot;landed in the roses;knocked over the milk can;landed in a pot of soup"},
    {"inside",
     "many old books;pictures of ships;a hundred clocks;[number] cats;a parrot that could sing;a globe as big as a "
     "barrel;"
     "stones from all over the world;a very old piano"},
    {"snow-work/snow-end",
     "build a snowman/it had a carrot for a nose and an old hat on its head;build a snow house/three could sit in it, "
     "and it was warm;"
     "roll the biggest snowball of all/it was too big for the gate;make a slide/it went from the top of the hill to "
     "the pond;"
     "make a snow lion/it looked so real that the dog barked at it"},
    {"dog-sign",
     "a [colour] collar;a small bell on its neck;one white ear;a ribbon around its neck;a spot like a star"},
});

inline constexpr auto nature_rules = std::to_array<Rule>({
    {"wait", R"~(
But day after day nothing happened. | But nothing came out of the ground. | A week went by, and there was only
(earth|brown soil). | Every morning [he] ran out to look, and every morning [he] saw nothing. | "Maybe it is asleep,"
said [name]. But it did not wake up.)~"},
    {"poor", R"~(
"Poor thing!" said [name]. | "You poor little one!" [name] said. | "Do not be afraid," said [name]. | "Where is your
mother?" asked [name]. | [Name] stroked it softly.)~"},
});

inline constexpr auto nature_episodes = std::to_array<Episode>({
    // A lost baby animal.
    {Cast::children, Season::any, R"~(
<when> [name] was (walking|playing|looking for flowers) [out] when [he] heard a (tiny|soft|sad) [sound]. [He] (looked
around|followed the sound|bent down) and found a little [baby] [nook]. It was (cold|wet|hungry|shaking) and all alone.
<poor> [He] (wrapped it in [his] (coat|scarf|sweater)|gave it some water|sat down beside it). (Then|Just then)
<friend> came by. "(It must have lost its mother|A [baby] needs its mother)," [he2] said. "(Let us look for her|We
must bring it home)." They asked [neighbor], but [nhe] (had not seen any [mother]|only shook [nhis] head). They
(searched|went on looking) [out2], but there was no [mother]. The [baby] (cried|grew tired|closed its eyes). <thinks>
"The [mother] lives [lives]," [he] said. They (walked|ran) there, and (really|yes): there was the mother [mother]! The
[baby] (jumped with joy|hurried to her|was not tired anymore). [moral=(it feels good to help|every little one needs
its mother|those who help others are never alone)] ([Name] was sad to say goodbye, but happy, too.|<up>|The [mother]
looked at them as if she wanted to say thank you.) (<lesson>|<lesson>|"I will visit you," said [name].|Sometimes they
went there and watched the [baby] grow.))~"},
    // A small creature helps back.
    {Cast::any, Season::warm, R"~(
<when> [name] and <friend> were [out]. There they saw a (tiny|little) [small] that [trap]. "(Help|Please help me)!" it
cried. "(It is only a [small]|We have no time for that|Come on)," said [name2]. But [name] (felt sorry for it|knelt
down|could not walk on). [He] [rescue], very carefully, and the [small] was free. "(Thank you|I will never forget
this|You saved me)," it said. "(One day I will help you, too|Call me when you need me|If you ever need help, I will
come)." ([Name2] laughed. "You are so small!" [he2] said. "How could you help anyone?"|"You?" [name2] said and
laughed.|) (A few days later|Not long after that|One week later), [name] [pay]. (<down>|[He] did not know what to
do.|Nobody could help [him], not even [name2].) Then [he] heard a small voice: "(Here I am!|Let me help!|Do you know
me?)" It was the [small]. It [repay]. (<up>|"Thank you, little friend!" [he] said.) [moral=(even a small friend can be
a great help|a kind deed always comes back|nobody is too small to help)] ("I was wrong," said [name2]. "It is not only
a [small]."|<lesson>|<lesson>|From then on they were friends, the [small] and the [kind].))~"},
    // A seed.
    {Cast::any, Season::warm, R"~(
<when> [parent] gave [name] a small [plant] seed. ("What (should I do|can I do) with it?" asked [name]. )"(Put it in
the (ground|soil|earth), give it water, and wait|Plant it, and be patient|It needs soil, water, sun, and time)," said
[parent]. [Name] (dug a hole|found a sunny place|took a pot), dropped in the seed, and covered it. Every (day|morning)
[he] gave it water. <wait> ("It does not work!" [name] said.|"I will dig it up and look," [he] said.|"It must be a bad
seed," [he] said.|<down>) ("Do not dig it up," said <friend>. "It is working in the dark, where you cannot see
it."|"Good things take time," <friend> told [him].|<friend> looked at the soil. "Sing to it," [he2] said. "My [plants]
like that.") So [name] (kept on|waited|went on and gave it water). (One morning|After two weeks|When [he] had almost
forgotten it), (a tiny green leaf came out of the ground|there was something green|the soil had a crack, and in it was
a leaf). The plant grew (taller and taller|a little every day|up and up), and in the end it had [bloom]. <up>
[moral=<m-patient>] (<lesson>|<lesson-parent>|[Name] gave the first of the new seeds to [name2].|[Name] saved the
seeds for the next year.))~"},
    // The dry garden.
    {Cast::any, Season::warm, R"~(
It had not rained for [number] weeks. {when||}The [plants] in the garden hung their heads, and (the ground had
cracks|the [small] who lived there was thirsty|the well was almost empty). "(We must do something|They will die),"
said [name]. ([He] took a (bucket|pail|can) and walked to the river.|So [he] fetched a (bucket|pail|can) and went down
to the river.|[He] got water from the river with a (bucket|pail|can).) It was a long way, and (the bucket was
heavy|the sun was hot|half of the water spilled). <friend> (sat in the shade|watched [him]) and (asked, "Why do you
work so hard? It is only one bucket."|said, "One bucket is nothing for such a big garden."|said, "You will never water
all of them.") ("One bucket is better than none," <said> [name].|"Then I must begin," said [name].|"Every drop
counts," said [name].) ([He] went again, and again.|And [he] went back for the next one.) <thinks2> Then [he2] took a
bucket, too. (Soon [neighbor] came to help.|[Neighbor] saw them and came with a barrel.|Before long, others came.)
(They made a long line from the river to the garden, and the water went from [hand] to [hand].|They ran back and
forth, and sang while they ran.|Together they carried water until the sun was low.) (By the evening every plant had
water.|When the moon rose, everything was wet.|Not one plant was forgotten.) (In the night|Two days later) it (began
to rain|rained) at last. [moral=(one bucket is better than none|many small drops make a river|somebody has to begin)]
(<lesson>|<up>|Soon the [plants] stood tall and green again.|"One bucket was enough to begin," said [name2].))~"},
    // Snow.
    {Cast::any, Season::cold, R"~(
{when|One winter morning|Then winter came. One morning}, [name] looked out, and everything was white. "It snowed!"
[he] <cried>. (<friend> was already outside|[He] ran to <friend>|<friend> knocked at the door). They wanted to
[snow-work]. (Their [hands] were cold, but they did not stop.|They worked until their noses were red.|The snow was
just right.) In the end [snow-end]. (Then|When they rested,) [name] saw a [bird] on a branch. It (was cold and could
not find any seeds|hung its head|was too weak to sing). ("We must help it," said [name].|"Poor little thing," said
[name2].|"It needs something to eat," said [name].) ([He] ran home and came back with (bread|nuts|seeds).|[Name2] had
some crumbs in [his2] pocket.) They put the food (on a flat stone|on the window sill|in the snow) and (waited|hid
behind a tree|went a few steps back). (At first it did not come.|[Name2] sneezed, and it flew away, but it came
back.|) Then the [bird] (hopped down and ate it all|came, pecked, and looked much better|ate until nothing was left).
[moral=(it feels good to help|a few crumbs can mean the world to a small bird|those who have much can give a little)]
(All winter long they fed the birds, and in spring the birds sang for them.|<lesson>|"Tomorrow we will bring more,"
said [name].|The next day there were [number] birds.))~"},
    // A picnic.
    {Cast::any, Season::warm, R"~(
<when> [name] and <friend> (had a picnic|wanted to have a picnic) [out]. They had packed a [food], (a bottle of
juice|a jug of water|two boiled eggs|a bag of nuts), and a [colour] blanket. <outside> First they (played [game]|took
off their shoes and ran about|picked some flowers|climbed around a little). But when they wanted to eat, (oh dear,
|)[spoil]! ("Stop!" <cried> [name2].|"Our lunch!" <cried> [name].|<down>|They stared with open mouths.) ("Now
everything is ruined," said [name2].|"Let us go home," said [name2].|) <thinks> (Then [he] began to laugh.|"Well,
well," [he] said.|"Do you know what?" [he] said. "Let us make the best of it.") [moral=(a bad day is half as bad with
a friend|you can always make the best of it)] So they [instead]. ("This is the best picnic ever," said [name2].|They
laughed more than they had for weeks.|<up>) (<lesson>|<lesson>|"Next time we will bring a box with a lid," said
[name].|They sang the whole way home.))~"},
    // The old neighbour.
    {Cast::children, Season::any, R"~(
[Neighbor] lived all alone next door. (The children said that [nhe] was|People said that [nhe] was|[Nhe] never smiled
and was said to be) (strange|grumpy|mean), and [name] was a bit (afraid|scared) of [nhim]. <when> [name] and <friend>
were playing ball. [Name] (kicked|threw) it over the fence, and it [broke-what]. "(Run|Quick, away from here)!" said
[name2]. (But [name] stayed.|[Name] ran, too, but at the corner [he] stopped.) <fear> <thinks> Then [he] (knocked
on|rang at) the door and said, "(I am sorry. It was my ball|It was me. I will make it good)." ([Neighbor] looked at
[him] for a long time. Then [nhe] smiled.|"So, so," said [neighbor]. But [nhis] eyes were friendly.|[Neighbor] was
surprised.) "You are (honest|brave)," [nhe] said. "Come in and have a [food]." In the [home-of] there (was so much to
see|were wonderful things): [inside] and [inside2]. [Neighbor] told (wonderful|funny|exciting) stories, and [name]
(listened with big eyes|forgot the time|asked a hundred questions). (Soon [name2] came in, too.|Outside, [name2]
pressed [his2] nose against the window, and [nhe] called [him2] in, too.) [moral=(you must know somebody before you
speak badly of them|<m-honest>)] (<lesson>|From then on, they visited [neighbor] every (Sunday|week).|<up>|And
[neighbor] was not lonely anymore.))~"},
    // A dog without a home.
    {Cast::children, Season::any, R"~(
<when> a (small|big|shaggy|thin) [colour2] dog followed [name] home. It had [dog-sign]. ("(Can we keep it|May it
stay)?" [he] asked. |"I want to keep it," said [name]. )"(Somebody may be looking for it|First we must ask whose it
is)," said [parent]. [Name] (did not like that|hoped that nobody would come). [He] called the dog Biscuit, gave it
(some meat|water|half of [his] [food]), and it slept (at [his] feet|beside the stove). <friend> came and (helped [him]
to write a sign: "Dog found."|made a sign with [him].|painted a picture of the dog, and they hung it on a tree.) (They
asked at [number] doors, but nobody knew it.|Nobody in the street knew it.|[Neighbor] did not know it, either.) (<up>
"Then it is mine," [he] thought.|Each night [name] loved it a little more.) But (on the third day|on Sunday|in the
morning) a [kind3] named [name3] stood at the door. [He3] had (cried for days|looked everywhere). "That is my dog!"
[he3] said. [Name] swallowed hard. <thinks> [moral=(what you love, you must sometimes give back|it is not always easy
to do the right thing|a good deed can bring a new friend)] "(Here is your dog|Then it belongs with you)," [he] said.
The dog jumped up at [name3] and barked with joy. (<thanks3>|[Name3] hugged the dog, and then [he3] hugged [name].)
"Will you come and (play with us|visit us)?" asked [name3]. (So [name] lost a dog and found a friend.|<lesson>|And so
the dog had three friends.|[Name2] said, "That was the right thing to do."))~"},
});

}  // namespace stories

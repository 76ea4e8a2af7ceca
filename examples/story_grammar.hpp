// The words and sentences of the stories: tables of slots, rules, and plots. See stories.hpp for how they are read.
#pragma once
#include <array>
#include <string_view>

namespace stories {

/// Rows that fill several slots at once, so that a name and its pronoun, or a place and what lies there, agree.
/// Slots and the values of a row are separated by '/'.
struct Table {
  std::string_view slots;
  std::string_view rows;  ///< separated by ';'
};

/// Who a story is about. A children's story never casts an animal for a child or the other way round.
inline constexpr Table children{
    "name/he/him/his/himself/kind",
    "Lily/she/her/her/herself/girl;Tom/he/him/his/himself/boy;Anna/she/her/her/herself/girl;"
    "Ben/he/him/his/himself/boy;Mia/she/her/her/herself/girl;Sam/he/him/his/himself/boy;"
    "Zoe/she/her/her/herself/girl;Max/he/him/his/himself/boy;Ella/she/her/her/herself/girl;"
    "Leo/he/him/his/himself/boy;Ruth/she/her/her/herself/girl;Paul/he/him/his/himself/boy;"
    "Emma/she/her/her/herself/girl;Jack/he/him/his/himself/boy;Sara/she/her/her/herself/girl;"
    "Tim/he/him/his/himself/boy;Lucy/she/her/her/herself/girl;Noah/he/him/his/himself/boy;"
    "Nora/she/her/her/herself/girl;Finn/he/him/his/himself/boy;Rosa/she/her/her/herself/girl;"
    "Omar/he/him/his/himself/boy;Amy/she/her/her/herself/girl;Hugo/he/him/his/himself/boy;"
    "Ivy/she/her/her/herself/girl;Carl/he/him/his/himself/boy;Kate/she/her/her/herself/girl;"
    "Adam/he/him/his/himself/boy;Maya/she/her/her/herself/girl;Luke/he/him/his/himself/boy;"
    "Clara/she/her/her/herself/girl;Oscar/he/him/his/himself/boy"};
inline constexpr Table animal_names{
    "name/he/him/his/himself",
    "Pip/he/him/his/himself;Dot/she/her/her/herself;Rusty/he/him/his/himself;Bella/she/her/her/herself;"
    "Bruno/he/him/his/himself;Daisy/she/her/her/herself;Toby/he/him/his/himself;Hazel/she/her/her/herself;"
    "Buster/he/him/his/himself;Molly/she/her/her/herself;Nibbles/he/him/his/himself;Poppy/she/her/her/herself;"
    "Fuzzy/he/him/his/himself;Coco/she/her/her/herself;Spot/he/him/his/himself;Luna/she/her/her/herself"};
inline constexpr Table animal_kinds{
    "kind",
    "rabbit;fox;bear;mouse;squirrel;hedgehog;badger;beaver;raccoon;otter;deer;mole;puppy;kitten;lamb;pony;goat;panda"};

inline constexpr auto tables = std::to_array<Table>({
    {"parent/phe/phim/phis",
     "Mom/she/her/her;Dad/he/him/his;Grandma/she/her/her;Grandpa/he/him/his;"
     "Aunt May/she/her/her;Uncle Ned/he/him/his"},
    {"neighbor/nhe/nhim/nhis",
     "Mr. Brown/he/him/his;Mrs. Green/she/her/her;Mr. Hill/he/him/his;Mrs. Lake/she/her/her;Mr. Stone/he/him/his;"
     "Miss Wood/she/her/her;old Peter/he/him/his;old Martha/she/her/her"},
    {"trait",
     "kind;brave;curious;cheerful;clever;quiet;shy;gentle;funny;friendly;lively;careful;happy;busy;playful;"
     "thoughtful;calm;smart;silly;polite"},
    {"home",
     "the sea;a green forest;a small village;a wide river;a tall hill;an old mill;a quiet lake;a big farm;"
     "a busy town;a sandy beach;a dark wood;a long road;a stone bridge;a field of flowers"},
    {"weather", "sunny;warm;bright;cool;clear;fine;lovely;quiet;beautiful;fresh"},
    {"hobby",
     "sing;draw;dance;run;read books;climb trees;count the stars;look at the clouds;paint pictures;"
     "listen to stories;jump in puddles;build things;tell jokes;play outside;ask questions;pick flowers;"
     "watch the birds;collect stones;swim;skip and hop;play hide and seek;help in the kitchen;make up songs;"
     "explore new places;roll down the hill"},
    {"colour", "red;blue;green;yellow;white;black;brown;pink;purple;orange;gray;golden;silver"},
    {"look", "shiny;little;pretty;lovely;tiny;special;wonderful;fine;round;bright"},
    {"toy",
     "ball;kite;book;hat;boat;drum;cup;lamp;box;scarf;ring;bell;whistle;doll;robot;puzzle;blanket;button;rope;"
     "key;basket;bag;flute;mask;spoon;umbrella;top;marble;lantern;necklace;feather;shell;glove;teddy bear;toy car;toy "
     "train;toy horse;picture"},
    {"broken/part/tool",
     "toy car/wheel/glue;toy train/wheel/a tiny screw;kite/tail/some string;doll/arm/a needle and thread;"
     "toy boat/sail/a piece of cloth;robot/leg/a small screw;wagon/handle/a nail;music box/lid/glue;chair/leg/a nail;"
     "toy plane/wing/tape;drum/stick/tape;clock/hand/a drop of oil;lamp/shade/some glue;swing/rope/a new rope;"
     "bird house/roof/two nails;teddy bear/ear/a needle and thread"},
    {"place/at/spot",
     "the park/at the park/(under a bench|behind the swings|beside the pond|near the slide);"
     "the garden/in the garden/(under the roses|behind the shed|between two pots|next to the fence);"
     "the forest/in the forest/(behind a log|under a pile of leaves|in a hollow tree|beside a mossy rock);"
     "the beach/on the beach/(behind a sand castle|under a towel|near a rock pool|beside a row of shells);"
     "the river/by the river/(between two stones|under the bridge|in the tall reeds|beside an old boat);"
     "the farm/on the farm/(behind the barn|in the hay|under a cart|next to the hen house);"
     "the hill/on the hill/(in the long grass|behind a bush|under an oak tree|beside the path);"
     "the market/at the market/(under a table|behind a barrel|next to the apples|between two baskets);"
     "the meadow/in the meadow/(among the daisies|under a thorn bush|beside a stream|near an ant hill);"
     "the lake/by the lake/(under a willow tree|behind a canoe|in the mud|near the dock);"
     "the school yard/in the school yard/(under the steps|behind the gate|beside the sand box|near the wall);"
     "the zoo/at the zoo/(near the monkeys|beside the elephant house|under a sign|behind the popcorn stand);"
     "the orchard/in the orchard/(under a ladder|behind an apple tree|in a basket of pears|beside the well)"},
    {"food",
     "apple;cookie;sandwich;cupcake;muffin;pancake;pear;peach;banana;carrot;pie;bun;candy bar;slice of cake;"
     "waffle;pretzel;piece of cheese;donut;loaf of bread;plum"},
    {"dish/ingredient/extra",
     "cake/flour/sugar;pie/apples/butter;soup/carrots/beans;bread/flour/salt;pizza/cheese/tomatoes;"
     "salad/lettuce/cucumbers;jam/berries/sugar;stew/potatoes/onions;pudding/milk/eggs;omelet/eggs/ham"},
    {"baby/mother/sound",
     "kitten/cat/meow;puppy/dog/whine;duckling/duck/quack;chick/hen/cheep;lamb/sheep/baa;"
     "piglet/pig/squeal;bunny/rabbit/squeak;owlet/owl/hoot;fawn/deer/cry;cub/bear/growl"},
    {"bird", "robin;sparrow;dove;crow;blackbird;finch;swallow;wren;starling"},
    {"small", "ant;bee;beetle;ladybug;butterfly;cricket;moth;spider;grasshopper"},
    {"plant/bloom",
     "bean/long green pods;sunflower/a big yellow flower;pumpkin/a fat orange pumpkin;"
     "tomato/round red tomatoes;rose/a sweet pink rose;strawberry/small red berries;"
     "lemon/tiny white flowers;pea/sweet green peas;tulip/a bright red tulip;melon/a heavy green melon"},
    {"fruit", "apples;potatoes;oranges;onions;turnips;melons;lemons;cabbages"},
    {"bully", "Rex;Rob;Butch;Grump"},
    {"gift",
     "scarf;card;necklace;drawing;puppet;paper boat;basket of flowers;painted stone;pillow;clay pot;paper star;"
     "wooden spoon;warm hat;pair of socks"},
    {"thief", "magpie;monkey;crow;squirrel;raccoon;parrot;seagull"},
    {"instrument", "piano;violin;guitar;trumpet;flute;drum;harp"},
    {"scary/harmless",
     "a tall shadow/a coat on a hook;two shining eyes/the cat by the window;"
     "a strange tapping/a branch against the glass;a low growl/the old dog asleep by the door;"
     "a creaking door/the wind in the hall;a dark shape/a chair with a shirt on it;"
     "a soft scratching/a mouse behind the wall"},
    {"game", "tag;hide and seek;chess;cards;catch;hopscotch;marbles;pirates;checkers;soccer"},
    {"job/work",
     "baker/roll out the dough;farmer/milk the cow;gardener/plant the tulips;painter/mix the paint;"
     "carpenter/cut the wood;cook/stir the soup;librarian/sort the books;potter/shape a pot;tailor/sew a button;"
     "smith/bend the iron;fisherman/mend the net"},
    {"build/stuff",
     "tower/blocks;fort/blankets;castle/wet sand;tree house/old boards;raft/logs;snowman/snow;"
     "bridge/flat stones;tent/sheets;hut/branches;rocket/paper boxes"},
    {"number", "three;four;five;six;seven;ten"},
});

/// A rule stands for one of its lines, drawn anew each time. Lines are separated by '\n'; an empty line is a line.
struct Rule {
  std::string_view name, lines;
};

inline constexpr auto rules = std::to_array<Rule>({
    {"opening", R"~(Once upon a time, there was a [trait] (little |)[kind] named [name].
There once was a [trait] [kind] called [name].
[Name] was a [trait] (little |young |)[kind] who lived near [home].
Near [home] lived a [trait] [kind] named [name].
Long ago, a [kind] named [name] lived close to [home]. [He] was very [trait].
In a (small|cozy|tiny|white|wooden) house near [home] lived a [kind]. [His] name was [name].
Everyone knew [name], the [trait] [kind] who lived by [home].
This is the story of a [trait] [kind] named [name].)~"},
    {"habit", R"~([He] loved to [hobby].
[He] liked to [hobby] (every day|all day long|with [his] friends|in the morning|after lunch).
More than anything, [he] loved to [hobby].
Whenever [he] could, [he] liked to [hobby].

)~"},
    {"oneday", R"~(One [weather] (day|morning|afternoon),
One day,
One (Monday|Saturday|Sunday) (morning|afternoon),
Last (week|summer|spring),
One day after (breakfast|lunch|school),
Early one morning,)~"},
    {"detail", R"~(The birds were singing.
A soft wind moved the leaves.
The sky was as blue as the sea.
The sun felt warm.
Bees hummed over the flowers.
White clouds floated above the trees.
The grass was still wet.
The air smelled of flowers.
Far away, a bell was ringing.



)~"},
    {"sad", "sad\nvery sad\nupset\nunhappy\nso sad that [he] wanted to cry\nterrible\nlonely and sad"},
    {"happy", "happy\nvery happy\nso happy\nglad\nfull of joy\nhappier than ever\nproud and happy"},
    {"afraid", "afraid\nscared\nfrightened\nvery nervous\nworried"},
    {"said", "said\nanswered\nreplied"},
    {"cried", "cried\nshouted\ncalled\nyelled"},
    {"thanks", R"~("Thank you(, [name2]| so much| for your help)!" said [name].
[Name] thanked [name2] (with a big hug|again and again|and gave [him2] a hug).
"You are a (true|good|great|real) friend," [name] told [name2].)~"},
    {"closing", R"~(That night, [name] (fell asleep|went to bed) with a smile.
[Name] never forgot it.
[Name] often thought of that later on.
And they all lived happily ever after.
The end.






)~"},
    {"calm", R"~([Name] took a (deep|slow) breath.
[Name] thought about it for a (while|moment|long time).
[Name] sat down and thought hard.)~"},
    {"together", "together\nside by side\nas a team"},
});

enum class Cast { any, child };

struct Plot {
  Cast cast;
  std::string_view text;
};

inline constexpr auto plots = std::to_array<Plot>({
    // Lost and found.
    {Cast::any,
     R"~([His] favorite thing was a [colour] [toy]. <oneday> [name] took it to [place] to show it to [his] friend [name2].
<detail> They (ran and laughed|played [game]|had a lot of fun), but when it was time to go home, the [toy] was gone.
"Oh no! Where is my [toy]?" [name] <cried>. [He] looked (here and there|everywhere|up and down), but [he] could not
find it. [He] felt <sad>. "Do not (cry|worry)," said [name2]. "We will look for it <together>." They walked
(slowly back|all the way back) along the path. Then [name2] saw something [colour] [spot]. (It was|There was) the [toy]!
<thanks> From that day on, [name] (always kept the [toy] in a safe place|took good care of the [toy]|never
left the [toy] behind again).)~"},
    // A storm.
    {Cast::any,
     R"~(<oneday> [name] and [his] friend [name2] were playing [game] [at]. Suddenly the sky turned (dark|black|gray), and
(the wind began to blow|thunder rolled over the hills|a flash of lightning lit the clouds). "A storm is coming!"
<cried> [name2]. Heavy rain began to fall, and both of them were <afraid>. [Name] looked around and saw (a small
cave|an old barn|an empty hut|a hollow tree). "(Quick|Hurry), come with me!" [he] <cried>. They ran inside and sat
close together. To be less afraid, they (sang a song|told each other stories|counted to one hundred). After a
while the rain stopped, and a (bright|huge|beautiful) rainbow stood in the sky. "The storm was loud," said [name],
"but (it was not so bad because you were with me|we were safe because we stayed together)." [Name2] (nodded|agreed|
smiled).)~"},
    // A broken toy and an honest word.
    {Cast::any,
     R"~(<oneday> [his] friend [name2] let [name] play with [his2] [look] [broken]. "Please be careful with it," [name2]
said. But [name] (played too hard|was in a hurry|did not listen), and the [part] of the [broken] broke off. [Name] felt <sad>.
(At first [he] wanted to hide it|For a moment [he] thought of hiding it). <calm> Then [he] went to [name2] and said,
"I broke your [broken]. I am (so|very|really) sorry." [Name2] was (sad|upset|angry) at first, but then [he2] said, "Thank you
for telling me the truth." <together-fix> Soon the [broken] was as good as new. [Name] learned that it is (better|best)
to be honest(, even when it is hard|).)~"},
    // Birthday.
    {Cast::any,
     R"~(Today was a special day because it was the birthday of [his] friend [name2]. [Name] wanted to give [him2] the best
(gift|present), but [he] had no money. "What can I do?" [he] asked [parent]. "The best gifts come from the heart,"
<said> [parent]. So [name] made a [gift] all by [himself]. It took (the whole morning|a long time|many hours). At the party there were
(balloons|games|candles|big boxes) and a [colour] cake. When [name2] opened the gift, [his2] eyes (grew wide|were
shining). "You made this [gift] for me? It is the best one of all!" [he2] <said>. [Name] felt <happy>. Then everyone
sang and ate cake.)~"},
    // A lie and an apology.
    {Cast::any, R"~(<oneday> [parent] put a [food] on the kitchen table and said, "This is for later." But it smelled so
good that [name] ate it (all up|in three bites|when nobody was looking). Soon [parent] came back. "Who ate the [food]?" [phe]
asked. "(It was [name2]|[Name2] did it)," said [name]. But that was (a lie|not true). So [his] friend [name2] got in trouble and
(began to cry|went home in tears|looked very sad). [Name] felt bad inside. [His] tummy hurt, and [he] could not (play|sleep|smile).
At last [he] told the truth. "I ate it, and I lied. I am sorry," [he] said. [Parent] (hugged [him]|took [his] hand)
and said, "It was wrong to lie, but it was brave to tell the truth." [Name] also said sorry to [name2], and
([name2] forgave [him]|they were friends again). [Name] never told a lie (again|like that again).)~"},
    // A lost baby animal.
    {Cast::child, R"~(<oneday> [name] was walking [at] when [he] heard a tiny [sound]. [He] looked around and found a
little [baby] [spot]. It was (cold|wet|shaking) and all alone. "Poor thing! You must have lost your mother," said [name]. [He]
wrapped the [baby] in [his] (coat|scarf|sweater) to keep it warm. Then [he] looked for the mother [mother].
[He] asked [neighbor], who pointed (down the road|to the gate|across the field). "I saw a big [mother] over there," [nhe] said. [Name]
carried the [baby] there (carefully|as fast as [he] could|in [his] arms). The mother [mother] came running, and the [baby]
(jumped with joy|ran to her at once). [Name] was sad to say goodbye, but [he] was (happy|glad|very happy) that the [baby] was (home|safe)
again.)~"},
    // A seed.
    {Cast::any, R"~(<oneday> [parent] gave [name] a small [plant] seed. "What should I do with it?" asked [name].
"Put it in the (ground|soil|earth), give it water, and wait," said [parent]. [Name] dug a hole, dropped in the seed, and
covered it. Every (day|morning) [he] gave it water. But day after day nothing happened. "It does not work!" [name]
said, and [he] wanted to (give up|stop). "Good things take time," [parent] told [him]. So [name] kept on. (One
morning|After two weeks), a tiny green leaf came out of the ground. The plant grew (taller and taller|a little every day|
up and up), and in the end it had [bloom]. [Name] was <happy>. [He] had learned to (be patient|wait).)~"},
    // Afraid of the dark.
    {Cast::child,
     R"~([Name] was (afraid|scared|frightened) of the dark. One night, [he] (woke up|could not sleep) and noticed [scary] in (the corner of
the|[his]) room. [His] heart beat fast, and [he] pulled the blanket over [his] head. "[Parent]! There is a monster!" [he]
<cried>. [Parent] came in (with a candle|and sat on the bed|right away). "Let us look together," [phe] said. [Phe]
took [his] hand and turned on the light. It was only [harmless]! [Name] began to laugh. "It seemed so bad in the dark,"
[he] said. "The dark can trick us," said [parent], "but there is nothing here that was not here (before|in the day)." [Parent]
gave [him] a small [colour] lamp to keep near the bed. From then on, [name] was not (afraid|scared) anymore.)~"},
    // A race.
    {Cast::any,
     R"~(<oneday> there was a big race [at]. A [kind2] named [name2] was the fastest of all and said, "I will win. You are too slow,
[name]." [Name] did not feel good about that, but [he] wanted to try [his] best. "Ready, set, go!" <cried> [neighbor],
and everyone started to run. [Name2] was far ahead. But then [he2] (fell over a root|slipped in the mud|tripped on a stone) and
hurt [his2] (knee|foot|leg). The others ran past [him2]. [Name] could have won, but [he] stopped. "(Are you all
right|Can you stand up)?" [he] asked. [He] helped [name2] up, and they walked to the end <together>. They were the last ones,
but everyone (clapped|cheered) for them. "I am sorry that I was (mean|rude)," said [name2]. "(You won my heart|You are
the real winner)." [Name] (smiled|laughed) and felt <happy>.)~"},
    // Sharing food.
    {Cast::any,
     R"~(<oneday> [name] had a (big|sweet|fresh) [food] for lunch. [He] sat down on a (rock|bench|log) [at] and was about to take a
bite when [his] friend [name2] came by. [Name2] looked (hungry|tired|sad). "I forgot my lunch," [he2] said (quietly|in a small voice).
[Name] looked at the [food]. [He] was hungry too. <calm> Then [he] cut it in (two|half) and gave one part to [name2]. "Here,
this is for you," said [name]. They (ate together|sat side by side and ate) and talked about (animals|the stars|their dreams|funny things). The next day,
[name] was the one who forgot (lunch|to bring food). But [name2] came with a huge [food2] and said, "Now it is my turn to share!"
[Name] learned that when you share, (you get something back|everyone has enough|you make a friend).)~"},
    // A thief of shiny things.
    {Cast::any, R"~(<oneday> [name] put [his] [look] [toy] on the grass [at] and went to (drink some water|play [game]|
pick some berries). When [he] came back, the [toy] was not there. "Who took my [toy]?" [he] asked. [His] friend [name2] pointed (to
a tree|up|across the grass). There sat a [thief] with the [toy]! "Give it back!" <cried> [name], but the [thief] only
(hopped away|hid behind a branch|made a funny noise). [Name] was (angry|upset), but [name2] had an idea. [He2] took out a [food] and put it on
the ground. The [thief] was (hungry|curious), so it dropped the [toy] and came to eat. [Name] quickly picked up the [toy]. "That was
(smart|clever)!" [he] said. "Shouting did not work, but being kind did." After that day, they (often|sometimes) brought a bit of
food for the [thief].)~"},
    // Helping a small creature which helps back.
    {Cast::any,
     R"~(<oneday> [name] was walking [at] and saw a tiny [small] that had fallen into the water. "Help! I cannot
get out!" it <cried>. [His] friend [name2] laughed and said, "It is only a [small]." But [name] (felt sorry for it|wanted to help). [He] held
out a (long stick|big leaf|piece of bark), and the [small] climbed up. "Thank you," said the [small]. "One day I will help
you too." A few days later, [name] got lost (in the fog|in the dark|on the way home). [He] was <afraid> and did not know where to go.
Then [he] heard a small voice: "Follow me!" It was the [small]. It showed [him] the way home. [Name] learned that
even a (small|tiny|little) friend can be a (big|great) help.)~"},
    // Baking goes wrong.
    {Cast::any,
     R"~(<oneday> [name] wanted to make a [dish] for [parent]. [He] took (a big bowl|a pot|a clean bowl), some
[ingredient], and some [extra]. [His] friend [name2] came to help. But they were in a hurry, and they (forgot to read the recipe|
put in too much pepper|mixed up the salt and the sugar). When [name] tasted it, [he] made a (funny|terrible) face. "It is awful!" [he]
said. They looked at each other, and then they began to laugh. [Parent] came into the kitchen and saw the mess. [Phe] was not
angry. "Everyone makes mistakes," [phe] said. "Let us try again, one step at a time." This time they (measured|did) everything
with care, and the [dish] was (delicious|perfect|very good). [Name] learned that you can (always try again|learn from your mistakes).)~"},
    // New in school.
    {Cast::child, R"~(It was the first day at a new school. [Name] was <afraid> because [he] did not know anyone. In the
(class|lunch room|yard), [he] sat all alone and (looked at [his] shoes|said nothing|drew on a piece of paper). Then
a [kind2] with a [colour] (hat|bag|shirt) came over. "Hello, I am [name2]. Do you want to play [game] with me?" [he2] asked.
"I do not know how," [name] said (softly|shyly). "That is all right. I will (show|teach) you," <said> [name2]. They played until the bell
rang, and [name] laughed for the first time that day. Soon other children joined them. When [parent] asked, "How was school?"
[name] said, "I have a new friend!" [He] could not wait to go back (the next day|in the morning).)~"},
    // Building something that falls.
    {Cast::any,
     R"~(<oneday> [name] and [his] friend [name2] wanted to build a (big|huge|fine) [build]. They found a lot of [stuff] and began to work. "I
want to be the boss," said [name]. "No, I want to be the boss!" said [name2]. They (shouted|pushed|argued), and then the [build]
fell down with a crash. Now both were (unhappy|upset). For a while nobody (spoke|said a word). Then [name] said, "I am sorry. You can be
the boss." [Name2] shook [his2] head. "We can both be the boss. I will (hold|bring) the [stuff], and you can (build|tell me what to do)." They worked <together> all (day|afternoon), and the new [build] was (even better|bigger and stronger) than the
first one. They had learned to work as a team.)~"},
    // A bird with a hurt wing.
    {Cast::any,
     R"~(<oneday> [name] found a [bird] on the ground [spot]. It could not fly because its wing was hurt. "Do not
be afraid," [name] whispered. "I will help you." [He] (carried|took) the [bird] home in a (box|basket|hat) with soft
(grass|cloth|leaves). [Parent] (looked at the wing|put a bandage on the wing) and said, "It needs food, water, and rest." So
[name] fed the [bird] every day and (sang to it|talked to it|told it stories). Week by week the [bird] grew stronger. One morning
it (flapped|spread) its wings, and [name] knew that it was time. [He] opened the window, and the [bird] flew up into the sky.
[Name] cried a little, but [he] was <happy> too. (Every spring|From then on|The next day) the [bird] came back and sang a song (at
[his] window|just for [him]).)~"},
    // Learning an instrument.
    {Cast::any,
     R"~([Name] wanted to play the [instrument]. [He] tried (again and again|all day), but it sounded (terrible|like a
sick cow|all wrong). [His] friend [name2] covered [his2] ears and laughed. [Name] felt <sad> and put the [instrument] away. "Why did you
stop?" asked [parent]. "Because I am not good at it," said [name]. "Nobody is good at the start," [parent] <said>. "Play a little every
day, and you will see." So [name] practiced every (evening|morning|day), first slow and then fast. After [number] weeks
there was a (show|party|concert) in (the village|town|the big hall), and [name] played a song. Everyone was (quiet|still) and listened.
When it was over, they clapped, and [name2] clapped the loudest. "I am sorry I laughed," [he2] said. "Will you teach me?"
"(Of course|Yes, I will)," said [name].)~"},
    // Jealousy.
    {Cast::any,
     R"~(<oneday> [his] friend [name2] got a (new|beautiful|brand new) [colour] [toy]. Everyone wanted to see it. [Name] only had an
old [toy2], and [he] felt jealous. "Your [toy] is ugly," [he] said, but [he] did not mean it. [Name2] stopped smiling and walked away.
[Name] did not feel better. [He] felt (worse|<sad>). <calm> [He] ran after [name2] and said, "I am sorry. Your [toy] is really
(nice|pretty|great). I was jealous." [Name2] looked at [him] and <said>, "I would love to play with your [toy2]. May we
(trade|share) for a day?" So they (traded|shared), and both had a lot of fun. [Name] learned that a kind friend is
(better|worth more) than any (toy|thing).)~"},
    // Getting lost.
    {Cast::any,
     R"~(<oneday> [name] went to [place] with [parent]. "Stay close to me," said [parent]. But [name] saw a (pretty|[colour])
butterfly and ran after it. [He] ran (left and right|farther and farther) until the butterfly was gone. When [he] turned around, [he] could
not see [parent] anywhere. "[Parent]! Where are you?" [name] <cried>, but nobody answered. [He] felt <afraid>, and tears came to [his]
eyes. Then [he] remembered what [parent] had told [him]: "If you are lost, (stay where you are|stop and wait)." So [name] sat down
[spot] and (waited|sang a little song). Soon [he] heard someone call [his] name. It was [parent]! [Phe] (ran to [him]|held [him]
tight) and said, "I was so worried! You did the right thing." [Name] promised to stay close (from now on|next time).)~"},
    // Too proud to ask for help.
    {Cast::any,
     R"~(<oneday> [name] had to carry a (heavy|big) basket of [fruit] from [place] to [his] house. "Do you need help?" asked
[his] friend [name2]. "No, I can do it (alone|all by myself)," said [name]. [He] pulled and pushed, but the basket was too heavy. At the
(bridge|corner|gate) it tipped over, and the [fruit] rolled (down the hill|all over the road). [Name] sat down and felt
<sad>. [Name2] had seen it all. [He2] did not (laugh|say a word). [He2] just knelt down and began to pick everything up. "Why do you help me? I
said no," asked [name]. "Because that is what friends do," <said> [name2]. Together they carried the basket home, and it was not
(heavy|hard) at all. [Parent] gave them both (a cookie|a hug|some cold milk). Now [name] knows that it is good to ask for help.)~"},
    // Cleaning up.
    {Cast::child,
     R"~([Name] never wanted to clean [his] room. There were (socks|books|papers) on the floor and toys under the bed.
"Please clean up," said [parent]. "(Later|Not now)," said [name]. <oneday> [name] wanted to play with [his] [colour] [toy], but [he]
could not find it in all the mess. [He] looked for it (for an hour|until lunch), and then [he] stepped on a (block|toy|pencil).
"Ouch!" [he] (cried|yelled). [Parent] came in. "I could help you," [phe] said. "If we clean up, we will find your [toy] too." They put the books on
the shelf, the clothes in the (drawer|closet), and the toys in a box. And there, under (an old shirt|a pile of clothes|the bed), was the
[toy]! The room looked (nice|clean and bright), and [name] was <happy>. After that, [he] cleaned [his] room every (week|Friday|night).)~"},
    // A day of work with a grown-up.
    {Cast::child,
     R"~([Name] wanted to be a [job] one day. <oneday> [he] asked [neighbor], who was a [job], "May I help you today?" "Yes, but it is
hard work," <said> [neighbor]. [He] had to get up very early. First [name] swept the floor. Then [he] carried (water|boxes|tools). At last
[neighbor] let [him] [work]. [Name] did it too fast, and something went wrong. "Oh no, I spoiled it," [he] said. [Neighbor] did not (mind|
get angry). "Do it slowly, like this," [nhe] said and showed [him] how. [Name] tried again, and this time it went well. At the end of the day [he] was
(tired|sleepy) but <happy>. "You are a good helper," said [neighbor]. "Come back (any time|next week)." Now [name] wants to be a
[job] even more.)~"},
    // Snow.
    {Cast::any,
     R"~(One winter morning, [name] looked out of the window, and everything was white. "It snowed!" [he] <cried>. [He] put on [his] warm
(coat|boots|hat) and ran outside. [His] friend [name2] was already there. They (threw snowballs|slid down the hill|made a big snowman) and
caught snowflakes on their tongues. Then [name] saw a [bird] on a branch. It was cold and could not find any (food|seeds). "We must
help it," said [name]. [He] ran home and came back with some (bread|nuts|seeds). They put the food on a flat stone and
(waited|hid behind a tree). The [bird] flew down and ate it all. Soon more birds came, red ones and brown ones. All winter long [name]
and [name2] fed the birds, and (in spring|when the snow melted) the birds sang for them.)~"},
    // A wish.
    {Cast::any,
     R"~(One night, [name] saw a falling star. "I wish for a [colour] [toy]," [he] whispered. The next morning [he] ran to the (door|
window|garden), but no [toy] was there. [He] felt <sad>. On the road [he] met [his] friend [name2], who was crying. "I lost my [look] [toy2]," said [name2].
[Name] forgot about [his] wish and helped [him2] look for it. They looked [at] until they found it [spot]. [Name2] was so (glad|thankful) that [he2]
(laughed|jumped up and down). "You helped me, so I want to give you something," [he2] said. From [his2] (bag|pocket|box) [he2] took a [colour] [toy].
[Name] could not believe [his] eyes. "That is what I wished for!" [he] said. Maybe it was the star, or maybe it was (because [he] was kind|
[his] good heart).)~"},
    // Afraid of water.
    {Cast::any,
     R"~([Name] wanted to learn to swim, but [he] was (afraid|scared|frightened) of the water. <oneday> all [his] friends jumped into the lake. "Come in!
(It is fun|It is not cold)!" they called. [Name] shook [his] head and stayed on the shore. [His] friend [name2] came out and sat down beside [him]. "I was afraid too," [he2]
said. "I started with my (toes|feet)." So [name] put [his] toes into the water. It was (cold|cool), but it was not bad. Then [he] went in up to
[his] knees, and then up to [his] belly. [Name2] held [his] hand all the time. Day by day [name] got braver, and at the end of the summer [he] could
swim (across the lake|to the dock|like a fish). "I did it!" [he] <cried>. [Parent] was (proud|very proud) of [him]. [Name] learned that
big things begin with small steps.)~"},
    // The new sibling.
    {Cast::child,
     R"~([Name] had a new baby (brother|sister). Everybody came to see the baby, and nobody had time to play with [name]. [He] felt <sad>.
"They do not love me anymore," [he] thought, and [he] hid (under the table|in the closet|behind the couch) with [his] [toy]. Then the baby
began to cry. [Parent] (sang|rocked the baby), but it did not help. [Name] came out and (made a funny face|waved the [toy]|sang a silly song). The baby stopped
crying and (smiled|laughed). "Look, the baby likes you best!" said [parent]. [Phe] put an arm around [name] and said, "We need you. You are the
big one now, and we love you (very much|as much as ever)." [Name] was <happy>. Every day after that, [he] (showed the baby a new toy|played with the baby|
read the baby a book).)~"},
    // A bully.
    {Cast::child,
     R"~(A big boy named [bully] was mean to everyone. <oneday> [bully] took a [toy] from a [kind2] named [name2] and
(laughed|held it up high). "Give it back, please," said [name2], but [bully] would not. [Name] was (small|not very strong), and [he] was <afraid>.
Still, [he] walked up to [bully] and said, "That is not fair. You (must|should) give it back." [bully] was (surprised|amazed). Nobody had ever talked to him like that.
"Nobody ever plays with me," [bully] said in a low voice. "Then come and play with us," <said> [name]. "But first give the [toy] back." [bully] gave it back and
said sorry. They played [game] until (the sun went down|it was time for dinner). [bully] was not mean anymore, because now he had friends.)~"},
    // The old neighbour.
    {Cast::child,
     R"~([Neighbor] lived all alone next door. The children said that [nhe] was (strange|grumpy|mean), and [name] was a bit (afraid|scared) of [nhim]. <oneday> [name]
(kicked|threw) [his] [colour] ball over the fence, and it (broke a window|hit a flower pot|landed in the roses). [His] friend [name2] said, "Run!" But [name] (stayed|did not
run). [He] knocked on the door and said, "I am sorry. It was my ball." [Neighbor] looked at [him] for a long time. Then [nhe] smiled. "You are (honest|brave)," [nhe]
said. "Come in and have a [food]." In the house there were (many old books|pictures of ships|a hundred clocks|[number] cats). [Neighbor] told (wonderful|funny|exciting)
stories, and [name] listened with big eyes. From then on, [name] visited [neighbor] every (Sunday|week), and [nhe] was never lonely again.)~"},
    // A picnic and the ants.
    {Cast::any,
     R"~(<oneday> [name] and [his] friend [name2] had a picnic [at]. They brought a [food], a [food2], and a (bottle of juice|jug of water|can of lemonade).
<detail> They put a [colour] blanket on the ground and went to play [game] first. When they came back, a long line of ants was carrying the food away! "Stop!"
<cried> [name2]. "That is our lunch!" But [name] knelt down and watched. "They are so small, and they carry so much," [he] said. "They work as a team."
[Name2] looked too, and [he2] was not (angry|upset) anymore. They left a few crumbs for the ants and moved the blanket (to a better place|under a tree).
There was still enough to eat. "Next time we will bring (more|a box with a lid)," said [name], and they both laughed.)~"},
    // A treasure map.
    {Cast::any,
     R"~(<oneday> [name] found an old (map|piece of paper) [spot] [at]. There was a big red cross on it. "It is a treasure map!" <cried> [his] friend [name2].
They walked past the (mill|church|pond), over the bridge, and [number] steps to the (north|left|right). There they began to dig. They dug and dug
until they hit something hard. It was a (rusty|wooden|small) box! [Name] opened it with (a stone|both hands|shaking hands). Inside there was no gold. There was only a [look] [toy]
and a letter. The letter said, "(Whoever|The one who) finds this box has a friend to share it with. That is the real treasure." [Name] looked at [name2] and smiled. They
put the [toy] in (their secret place|[his] room|the tree house), and then they hid a new treasure for someone else to find.)~"},
    // The rule that was there for a reason.
    {Cast::any,
     R"~("Do not (climb the tall tree|walk on the ice|go near the well)," [parent] always said. "It is not safe." But <oneday-low> [name] wanted to show [his] friend [name2]
how brave [he] was. "Watch me!" [he] said. [Name2] said, "Please do not do it." [Name] did it anyway. There was a loud (crack|snap), and [name] could not move. [He] was stuck
and very <afraid>. "Help!" [he] <cried>. [Name2] ran as fast as [he2] could and came back with [parent]. [Parent] had a (long rope|ladder|strong pole) and pulled [name] to
safety. [Name] was (cold|dirty|shaking), but [he] was not hurt. "I am sorry that I did not listen," [he] said. [Parent] held [him] and <said>, "I am just glad that you are
safe." [Name] learned that being brave does not mean being (foolish|careless).)~"},
    // Saving money.
    {Cast::any,
     R"~([Name] saw a [look] [colour] [toy] in the window of a shop. [He] wanted it very much, but it cost [number] coins, and [he] had only one. "If you help me,
I will give you a coin each day," said [neighbor]. So [name] (pulled weeds|washed the steps|stacked wood|fed the hens) every day and put the coins in a jar. When the jar was full, [he] ran to
the shop. On the way [he] saw [his] friend [name2], who was crying. "(My bike is broken|I lost my lunch money|My boots have holes), and I have no money," [name2] said. [Name] looked at
[his] jar. <calm> Then [he] gave the coins to [name2]. [Neighbor] saw it through the window. The next day there was a box at the door. In it was the [toy] and a note: "For a good heart."
[Name] was <happy>.)~"},
    // Moving away.
    {Cast::child,
     R"~([Name2] was the best friend of [name]. They did everything together. <oneday> [name2] said, "We are moving to (another town|a city by the sea|a house far away)." [Name] felt
<sad>. "Who will play [game] with me now?" [he] asked. "Let us make the last day the best day," <said> [name2]. They went to [place], ate a [food], and (laughed until their bellies hurt|took
many pictures|watched the sun go down). Then they cut a [colour] ribbon in two, and each of them kept one half. After [name2] had left, [name] was lonely. But a week later a letter came. In it
was a drawing of the two friends with the [colour] ribbon. [Name] wrote back at once. They wrote each other every (week|month), and they stayed friends even though they were far apart.)~"},
    // Not listening to a warning about weather: kite.
    {Cast::any,
     R"~(<oneday> [name] made a [colour] kite out of (paper|cloth) and string. [He] took it to the top of the hill with [his] friend [name2]. The wind was strong, and the kite flew (high|higher and
higher|above the trees). Then the string broke! The kite (flew|sailed) away and got stuck in a tall tree. [Name] jumped, but [he] could not reach it. "I will shake the tree," said [name2], but
the kite did not come down. "Maybe we can ask the [bird] up there," said [name]. "Dear [bird], please push our kite." The [bird] looked at them, hopped along the branch, and gave
the kite a push with its beak. Down it came! "Thank you!" <cried> the two friends. [Name] tied a piece of the string to the branch, so that the [bird] could use it for its nest.)~"},
    // Waiting for rain: the dry garden.
    {Cast::any,
     R"~(It had not rained for [number] weeks, and the garden was dry. The [plant] plants hung their heads, and the [small] who lived there was thirsty. "We must do something," said [name]. [He] took a
(bucket|pail|can) and walked to the river. It was a long way, and the bucket was heavy. [His] friend [name2] asked, "Why do you work so hard? It is only one bucket." "One bucket is better than
none," <said> [name]. [Name2] thought about that, and then [he2] took a bucket too. Soon (the neighbors|all their friends) came to help, and they made a long line from the river to the garden. By the
evening every plant had water. In the night it began to rain at last. When the plants had [bloom], everyone was glad, and the [small] (danced for joy|was happy too).)~"},
    // The show and stage fright.
    {Cast::any,
     R"~([Name] had to (sing a song|say a poem|tell a joke) in front of everyone [at]. [He] had practiced for weeks, but when [he] saw all the people, [his] legs began to shake. "I cannot do it. I forgot
every word," [he] whispered. [His] friend [name2] (took [his] hand|stood behind [him]) and said, "Just look at me, and do it for me." <calm> [He] looked only at [name2] and began, first very quietly and then
louder. One word came after the other. When [he] finished, it was still for a moment. Then everybody (clapped|cheered|stood up and clapped)! [Parent] threw a [colour] flower. "I was so (afraid|scared)," said [name],
"but you helped me." "You did it yourself," said [name2]. "I only (watched|smiled)." [Name] was <happy> and could not wait for the next show.)~"},
    // A race against a slow one: patience.
    {Cast::any,
     R"~(<oneday> [name] and [his] friend [name2] had to bring a (letter|basket of eggs|jar of honey) to [neighbor]. "Let us run! Then we can play sooner," said [name]. "No, let us walk, or we may
(fall|drop something)," said [name2]. But [name] ran. [He] ran past [place] and did not look where [he] went. [He] (slipped on a wet stone|bumped into a goat|stepped into a puddle) and fell. Everything
was a mess. [Name] felt <sad>. When [name2] came, [he2] helped [him] to clean up. Together they went to [neighbor] and told [nhim] what had happened. "Thank you for telling me," said [neighbor]. "Slow and
(careful|steady) is often faster in the end." [Nhe] gave each of them a [food], and they walked home, this time very slowly.)~"},
});

/// Rules that only some plots use.
inline constexpr auto plot_rules = std::to_array<Rule>({
    {"together-fix", R"~(They got [tool] and mended the [part] <together>.
"We can fix it," [he2] said. They took [tool] and worked on the [part] all afternoon.
They asked [parent] for help, and [phe] fixed the [part] with [tool].)~"},
    {"oneday-low", "one [weather] (day|morning|afternoon)\none day\none Sunday"},
});

}  // namespace stories

// Episodes about things: lost, out of reach, broken, stolen, wished for, traded, found.
#pragma once
#include "story_notation.hpp"
#include <array>

namespace stories {

inline constexpr auto things_tables = std::to_array<Table>({
    {"flyer", "kite;hat;ball;paper plane;scarf;straw hat;glider;toy parachute"},
    {"try/fail",
     "threw a stick at it/the stick got stuck, too;jumped as high as possible/it was too high;"
     "shook the trunk/only a few leaves came down;tried to climb up/the bark was too smooth;"
     "blew with full cheeks/that only made them laugh;poked at it with a long branch/the branch was too short;"
     "threw a pine cone/it flew past the tree;pulled at the lowest twig/the twig snapped;"
     "called to the wind for help/the wind did not listen"},
    {"broken/part/tool",
     "toy car/wheel/glue;toy train/wheel/a tiny screw;kite/tail/some string;doll/arm/a needle and thread;"
     "toy boat/sail/a piece of cloth;robot/leg/a small screw;wagon/handle/a nail;music box/lid/glue;"
     "toy plane/wing/tape;drum/strap/a bit of leather;little clock/hand/a drop of oil;lamp/shade/some glue;"
     "bird house/roof/two nails;teddy bear/ear/a needle and thread;puppet/string/a strong knot;"
     "umbrella/handle/some wire;picture book/cover/paper and paste;toy horse/leg/a wooden peg"},
    {"thief", "magpie;monkey;crow;squirrel;raccoon;parrot;seagull;jay"},
    {"chore",
     "pull weeds;wash the steps;stack wood;feed the hens;sweep the yard;carry water;rake the leaves;pick up apples;"
     "polish the windows;paint the fence"},
    {"need/why-need",
     "My roof leaks/I need nails to mend it;My boots have holes/I need a new pair for the winter;"
     "I lost my lunch money/I have had nothing to eat all day;My window is broken/I need glass before the rain comes;"
     "Our hen is sick/we need medicine for her;My cart lost a wheel/I cannot bring my pears to the market"},
    {"swap/swap-who",
     "a ball of string/wanted to fly a kite but had no string;a tin cup/wanted to drink from the well;"
     "a candle/was sitting in a dark cellar;an old blanket/was freezing in the wind;a straw hat/was standing in the "
     "hot sun;"
     "a walking stick/had a sore foot"},
    {"trade/trade-who",
     "a jar of honey/had a cough;a bag of seeds/had an empty garden;a big spoon/could not stir the soup;"
     "a big basket/had more plums than two arms can hold;a bell/had a goat that always ran away;"
     "a broom/had leaves all over the porch"},
});

inline constexpr auto things_rules = std::to_array<Rule>({
    {"gone", R"~(
gone|not there|nowhere to be seen|missing)~"},
    {"where-is", R"~(
"Oh no! (Where is my [toy]?|My [toy] is gone!|I have lost my [toy]!)" [name] <cried>. | "My [toy]! It was here (a
minute ago|just now)," said [name]. | [Name] looked into [his] bag once, twice, three times. It was empty. | "I had it
(a moment ago|when we came)!" [name] <cried>. | [Name] turned around and around. "It cannot be gone," [he] said.)~"},
    {"search", R"~(
[Name2] looked behind every (bush|tree|stone), and [name] crawled through the grass, but they found only (a rusty
nail|two snails|an old shoe|a blue egg shell). | They asked [neighbor], but [nhe] had not seen it. "(Try to remember
where you were|Go back the way you came)," [nhe] said. | First they looked to the left, and then they looked to the
right. (Nothing|No [toy])! | "Where did you have it last?" asked [name2]. [Name] tried to remember. They went back
(step by step|the whole way), but it was not there. | They searched for (an hour|a long time), until their [feet] were
tired. | They turned over (leaf after leaf|every leaf). | "You look here, and I look over there," said [name2]. (But
at first|At first) they had no luck.)~"},
    {"how-lost", R"~(
It must have slipped out when [name] jumped over a puddle. | [Name] had put it down there to (watch a [small]|pick a
flower|tie a knot) and had forgotten it. | A (playful|silly) puppy must have carried it there. | The wind had rolled
leaves over it. | Now [name] remembered: [he] had hidden it there [himself], to keep it safe! | |)~"},
    {"keep-safe", R"~(
From that day on, [name] (always kept the [toy] in a safe place|took good care of the [toy]|never left the [toy]
behind again). | [Name] held the [toy] (tightly|with both [hands]) all the way home. | That evening [name] gave the
[toy] a place on the shelf. | "Next time I will look after it better," said [name]. | Then [name] let [name2] carry
the [toy] home, because [he2] had found it. | [Name] sewed a pocket just for the [toy]. | On the way home they sang a
song about the [toy].)~"},
    {"got-down", R"~(
Just then [neighbor] came by with a (long ladder|rake|fishing rod). [Nhe] laughed, reached up, and (there|down) it
was. | "Let me sit on your shoulders," said [name2]. [He2] climbed up, stretched [his2] arm, and just touched it with
one finger. It fell (down|into the grass|right on [name]'s head)! | Then [name] had an idea. They tied two sticks
together and pushed, very carefully. The [flyer] moved, (slid|slipped), and fell down. | A [bird] was watching them.
"Dear [bird], please help us," said [name]. The [bird] hopped along the branch and gave the [flyer] a push with its
beak. Down it came! | "Let us wait," said [name2]. "What the wind takes, the wind may give back." They sat down and
told each other (jokes|riddles|stories). And really, after a while the wind blew the other way, and the [flyer]
dropped (into the grass|at their feet|into [name]'s lap). | [Name2] ran home and came back with a (rope|long rope).
[He2] threw it over the branch, and they pulled until the [flyer] fell down.)~"},
    {"mend", R"~(
They got [tool] and mended the [part] (together|side by side). | "We can fix it," [name2] said. They took [tool] and
worked on the [part] all afternoon. | They asked [parent] for help, and [phe] showed them how to fix the [part] with
[tool]. | [Name] ran home for [tool]. [Name2] held the [part], and [name] did the rest. | "[Neighbor] can mend
everything," said [name2]. And [nhe] could: with [tool] the [part] (was soon in its place|held again).)~"},
});

inline constexpr auto things_episodes = std::to_array<Episode>({
    // Lost and found.
    {Cast::any, Season::any, R"~(
(The thing that [name] loved most was|[Name]'s dearest treasure was|[Name] owned|[Name] was very fond of|[Name] had) a
[look] [colour] [toy](, a present from [parent]| that [parent] had given [him]| that once belonged to [parent]||).
[moral=(a friend is worth more than any toy|four eyes see more than two|it is wise to look after the things you
love|nothing is lost as long as somebody looks for it)] <when> ([he] took it to [place] to show it to <friend>|[he]
carried it along when [he] met <friend> [at]|<friend> asked to see it, so they took it to [place]). <outside> (They
played [game] (until they were tired|for a long time|all the time)|They ran around and laughed|They talked and forgot
the time|They had (great|so much) fun), and (when it was time to go home|when they wanted to leave|when [name] felt
for it), the [toy] was <gone>. <where-is> <down> <comfort> (<search>|<search>|<search> <search>) (Then|At last|But
then) [name2] (saw|noticed|spotted) something [colour] [spot]. (It was the [toy]|There was the [toy]|"Is that it?"
[he2] asked. It was the [toy])! <how-lost> (<thanks>|<up> <thanks>|<up>) (<keep-safe>|<keep-safe>|<lesson>))~"},
    // Blown into a tree.
    {Cast::any, Season::any, R"~(
<when> [name] and <friend> were playing with a [colour] [flyer] [out]. (Suddenly|All at once|Then) (a strong wind came
up|the wind took hold of it|a gust of wind came along) and (carried it|blew it|lifted it) into (a tall tree|the top of
a tree|an old pine tree). ("Oh no, my [flyer]!"|"Come back!"|"Now it is gone!") <cried> [name]. It hung (high above
them|between two branches|up there like a strange fruit). <down> ([Name] [try], but [fail]. [Name2] [try2], but
[fail2].|First [name] [try], but [fail]. Then [name2] [try2], but [fail2].|[Name2] [try], but [fail].|[Name] [try],
but [fail]. "Let me try," said [name2]. [He2] [try2], but [fail2].) ("It will stay there forever," [name] said.|"What
now?" asked [name].|They (looked at each other|sat down and thought).|) <got-down> <up> [moral=(there is almost always
another way|<m-patient>|two heads are better than one)] ("Next time we will play where there are no trees," said
[name2].|They played on until the sun went down.|<lesson>|<thanks>|[Name] tied a long string to the [flyer], and it
never flew away again.))~"},
    // A broken toy and an honest word.
    {Cast::any, Season::any, R"~(
<when> <friend> (let [name] play with [his2] [look] [broken]|lent [name] [his2] [look] [broken]|brought [his2] new
[broken]). "(Please be careful with it|Take care, it is new|It was a gift from my grandma)," [he2] said. But [name]
(played too hard|was in a hurry|did not listen|wanted to see how it worked|dropped it), and (crack, |)the [part] of
the [broken] (broke off|came off|broke). (Nobody had seen it|[Name2] was not there). <fear> (At first [he] wanted to
hide it under a (bush|blanket)|For a moment [he] thought of running away|"I will say that it was the wind," [he]
thought|"Maybe [name2] will not notice," [he] thought). <thinks> [moral=<m-honest>] (Then|But then) [he] went to
[name2] and (said|confessed), "I broke your [broken]." <sorry> ([Name2] was (sad|upset|angry) at first.|[Name2] looked
at the [broken] and swallowed.|It was quiet for a moment.|) (Then [name2] said, "Thank you for telling me the
truth."|"I am glad that you told me," said [name2] at last.|<forgive>) <mend> (Soon|In the evening|After that,) the
[broken] was (as good as new|almost better than before|whole again). (<lesson>|<up>|<up> <lesson>))~"},
    // A thief of shiny things.
    {Cast::any, Season::any, R"~(
<when> [name] (was [at]|came [at]). [He] put [his] [look] [toy] (on the ground|on a stone|beside [him]) and (went to
drink some water|played [game] with <friend>|closed [his] eyes for a moment|picked some berries with <friend>). When
[he] (came back|looked again|turned around), the [toy] was <gone>. "(Who took my [toy]|Who was that|Where is my
[toy])?" [he] asked. <friend> pointed (to a tree|up|at the roof of a hut|to an old wall). (There sat a [thief] with
the [toy]!|"Look up there," [he2] said. A [thief] had the [toy]!|It was a [thief]! It held the [toy] and looked very
proud.) ("Give it back!"|"Hey, that is mine!"|"You thief!") <cried> [name], but the [thief] only (hopped away|hid
behind a branch|made a funny noise|turned the [toy] around and around). ([Name] threw a pine cone, but it
missed.|[Name] stamped [his] [feet], and the [thief] stamped, too.|<down>|) [moral=(being kind works better than
shouting|a clever head is worth more than strong arms|it is wise to think before you shout)] ([Name2] had an idea.|"Do
not shout," said [name2].|"Let me try something," [name2] said.) [He2] (took out|fetched|got) (a [food]|a [food]|a
handful of nuts) and put it on the ground. The [thief] was (hungry|curious), so it (dropped the [toy] and came to
eat|laid the [toy] down and came closer). [Name] (quickly picked up the [toy]|took the [toy] at once|was quick and got
the [toy] back). ("That was (smart|clever)!" [he] said. |<thanks> )(After that day, they (often|sometimes) brought a
bit of food for the [thief].|The [thief] ate everything and flew off with a happy (cry|squeak).|<lesson>|From then on
the [thief] came every day, but only to eat.))~"},
    // A treasure map.
    {Cast::any, Season::any, R"~(
<when> [name] found (an old map|a piece of paper|a bottle with a letter in it|a torn page) [spot] [at]. (There was a
big red cross on it.|Somebody had drawn a cross, a tree, and a long line on it.|On it was a hill, and on the hill a
red cross.) "(It is|That must be) a treasure map!" <cried> <friend>. They (walked|marched|ran) (past the mill|around
the pond|through the high grass), (over the bridge|along a stone wall|down a narrow path), and [number] steps to the
(north|left|right|south). (There they began to dig.|There the ground was soft.|"Here it is," said [name].) (At first
they found only (stones|roots|a rusty spoon).|They dug until their arms hurt.|[Name2] wanted to give up, but [name]
went on.|They took turns.) (Then|At last) they hit something hard. It was a (rusty|wooden|small|heavy) box! [Name]
opened it with (a stone|both [hands]|shaking [hands]). Inside there was (no gold|not one coin|neither gold nor
silver). (There was only a [look] [toy] and a letter. It said,|They found a [look] [toy], and a letter beside it
said,|A [look] [toy] lay on a letter. [Name2] read it aloud:) "(Whoever finds this box has a friend to share it with.
That is the real treasure.|The way was the treasure. Did you have fun?|Take this, and leave something for the next
one.)" ([Name] looked at [name2], and they began to laugh.|"It is true," said [name2].|<up>) [moral=(a friend is the
best treasure of all|finding is more fun than having|a treasure is best when it is shared)] (They put the [toy] in
(their secret place|a safe place|[name]'s [den]), and then they (hid|buried) a new treasure for someone else to
find.|They filled the box with (pretty stones|a drawing|two feathers) and buried it again.|They drew a map of their
own that very evening.|<lesson>))~"},
    // Saved coins.
    {Cast::any, Season::any, R"~(
[Name] (saw|had seen) a [look] [colour] [toy] (in the window of a shop|at the market|in a little shop). ([He] wanted
it (very much|more than anything), but it cost [number] coins, and [he] had only one.|It cost [number] coins. "I have
only one," [he] said and (sighed|turned [his] pocket inside out).|"If only it were mine!" [he] thought. But it cost
[number] coins.) <when> [neighbor] said, "If you (help me|[chore] for me), I will give you a coin each day." So [name]
went to (work|help) every (day|afternoon). [He] had to [chore2] and [chore3], and (it was hard|[his] back hurt|[he]
never complained). [He] (put|kept|saved) the coins in a (jar|tin|sock). (When it was full, [he] ran to the shop.|At
last there were enough, and [he] set out.|One morning [he] counted them, and it was enough!) (On the way|By the
fountain|At the corner) [he] (saw|met) <friend>, who was (crying|in tears|very upset). "[Need]," [he2] said.
"[Why-need]." [Name] looked at [his] coins. <thinks> (Then|In the end) [he] gave (the coins|all of them) to [name2].
<thanks2> [moral=(a kind deed always comes back|it is better to give than to have|a good heart is never poor)]
([Neighbor] had seen it.|[Neighbor] heard about it.|Somebody told [neighbor].) (The next day|In the morning|When
[name] came home) there was a (box|parcel|bag) at the door. (In it was the [toy] and a note: "For a good heart."|"From
a friend," it said on the lid, and inside was the [toy].|[Name] opened it. It was the [toy]! "You have earned it," a
note said.) (<up>|<lesson>|<up> <lesson>|[Name] and [name2] played with it all day.))~"},
    // Traded again and again.
    {Cast::any, Season::any, R"~(
<when> [parent] gave [name] [swap] and said, "(Go and see what it is good for|It may be of use to somebody)." (On the
road|Behind the hill|By the bridge) [name] met [neighbor], who [swap-who]. "(You need this more than I do|Take this),"
said [name], and gave it to [nhim]. ([Neighbor] was so glad that [nhe]|"How kind!" [nhe] said and) gave [him] [trade]
for it. A little later [he] met <friend>, who [trade-who]. "(Here|Look), [trade] is (just what you need|the right
thing for you)," said [name]. [Name2] (laughed|smiled|was delighted) and gave [him] a [colour] [toy] for it. [Name]
(went|came|ran) home with the [toy]. "(What a good trade|You left with one thing and came back with another)," said
[parent]. "(And everybody has what they need|I am the richest [kind] around [home])," said [name]. "(Best of all,|And)
I made two people happy." [moral=(a thing is worth most where it is needed|a gift goes around and comes back|it pays
to keep your eyes open for others)] (<lesson-parent>|<up>|They hung the [toy] over the door.))~"},
    // A wish.
    {Cast::any, Season::any, R"~(
One night, [name] (saw a falling star|blew on a dandelion|threw a pebble into the well). "I wish for a [colour]
[toy]," [he] whispered. In the morning [he] ran (to the door|to the window|outside), but (no [toy] was there|there was
nothing). <down> (Later that day|On the road|Near the bridge) [he] met <friend>, who was (crying|looking for
something|very upset). "I lost my [look] [toy2]," said [name2]. ([Name] forgot about [his] wish and helped [him2].|"I
will help you look for it," said [name].|"Let us look for it together," said [name].) They (looked|searched) [at]
until they (found it|saw it) [spot]. <thanks2> "(You helped me, so I want to give you something|I have something for
you, too)," said [name2]. From (under [his2] coat|[his2] pocket|behind [his2] back) [he2] took a [colour] [toy].
([Name] could not believe [his] eyes. "That is what I wished for!" [he] said.|It was just what [name] had wished
for!|"How did you know?" <cried> [name]. "I wished for it!") [moral=(a kind deed always comes back|those who give will
also get|good things come to those who help)] (Maybe it was the (wish|magic), or maybe it was [his] good heart.|<up>
<lesson>|<lesson>|They laughed about it for a long time.))~"},
});

}  // namespace stories

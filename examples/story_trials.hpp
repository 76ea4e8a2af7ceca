// Episodes in which something is hard: fears, skills, storms, losing the way, strange noises, heavy loads.
#pragma once
#include "story_notation.hpp"
#include <array>

namespace stories {

inline constexpr auto trials_tables = std::to_array<Table>({
    // What somebody is afraid of, where it waits, a friend's trick, and the first step.
    {"dread/scene/trick/step/done",
     "of the dark/(One evening the light went out|One night there was no moon), and everything was black/"
     "Let us count the things that we can hear/heard a clock, a cricket, and [his] own breath/the dark was only the "
     "day with the light turned off;"
     "of thunder/(One night|One evening) it flashed, and the thunder rolled over the roof/"
     "Let us count from the flash to the thunder/counted, and each time the number was bigger/the storm walked away "
     "like a tired giant;"
     "of deep water/(One day|One afternoon) all the [folk] jumped into the lake, but [name] stayed on the shore/"
     "Begin with your toes/went in up to [his] knees, and then up to [his] belly/the water carried [him] like a soft "
     "bed;"
     "of high places/(One day|One morning) the best apples hung at the top of the tree, and [name] stood below/"
     "Do not look down, look at the next branch/took one branch, and then one more/the whole valley lay at [his] "
     "[feet];"
     "of the old goat behind the fence/(One day|One afternoon) the ball rolled right under the old goat's nose/"
     "Speak to it softly and hold out some grass/held out a bunch of grass with a shaking [hand]/the goat had the "
     "softest nose in the world;"
     "of the long bridge/(One day|One morning) they had to cross the long bridge, and it swung in the wind/"
     "Hold on to me and sing/sang, and took one step with each word/[he] was on the other side;"
     "of the cellar/(One day|One evening) somebody had to fetch the potatoes from the cellar/"
     "Take a candle and say hello to every corner/said hello to the first corner, and nothing bad happened/the cellar "
     "was only a room full of potatoes;"
     "of bees/(One day|One morning) the honey had to be fetched, and bees flew all around/"
     "Stand still like a tree, and breathe slowly/stood very still, and a bee sat down on [his] nose and flew away/the "
     "bees only wanted the flowers"},
    {"skill/start/slip/hint",
     "ride a bike/put both feet on the pedals/[he] fell over after two turns of the wheels/Look straight ahead, not at "
     "the ground;"
     "whistle/pursed [his] lips and blew/only air came out/Make your mouth as small as a pea;"
     "walk on stilts/climbed up/[he] sat down with a bump/Lean forward and keep walking;"
     "juggle/threw two plums into the air/both plums hit [his] head/Begin with only one;"
     "swim/lay down on the water/[he] swallowed half of the lake/Stretch out like a frog and kick;"
     "play the flute/covered the holes and blew/it sounded like a sick cat/Blow as if you want to cool soup;"
     "jump rope/swung the rope/[he] got all tangled up/Listen to the beat and hop;"
     "do a handstand/kicked up both legs/[he] rolled over like a barrel/Push the ground away from you;"
     "row a boat/pulled at the oars/the boat turned around and around in one place/Pull with both arms at the same "
     "time;"
     "fly a kite/ran as fast as possible/the kite dragged along the ground/Run against the wind"},
    {"noise/suspect/truth",
     "tapping/a ghost/a branch that the wind blew against the glass;scratching/a dragon/a mouse that had built its "
     "nest behind the wall;"
     "humming/a spaceship/a jar full of bees that had lost their way;howling/a wolf/the wind in an empty bottle;"
     "creaking/a burglar/the gate that nobody had closed;dripping/a sea monster/a pipe with a tiny hole;"
     "rustling/a giant snake/a hedgehog in the dry leaves;snoring/a troll/[neighbor], asleep in the garden chair;"
     "knocking/a woodcutter in the wall/a woodpecker at its breakfast;squeaking/a robot/a wheel that needed some oil"},
    {"load/helper-last",
     "a giant pumpkin/tiny mouse;a huge turnip/little wren;a cart that was stuck in the mud/small duckling;"
     "a boat that lay on the sand/thin cat;a heavy log across the path/tiny frog;a sledge full of wood/small goat;"
     "a barrel of apples/little hen;a big stone in front of the gate/young rabbit;a wardrobe/thin goose;a stubborn "
     "donkey/small kitten"},
    {"build/stuff/plan/other-plan/both",
     "tower/blocks/be as high as the sky/be as wide as a table/wide at the bottom and high at the top;"
     "castle/wet sand/have a deep moat/have many towers/with a moat around the towers;"
     "tree house/old boards/have a big window/have a strong roof/with a roof and a window in it;"
     "raft/logs/have a tall mast/have a flat floor/with a flat floor and a mast in the middle;"
     "hut/branches/have a round door/have thick walls/with thick walls and a round door;"
     "bridge/flat stones/be as long as a snake/be as strong as a rock/long and strong, with a stone in the middle;"
     "wagon/old boxes/have big wheels/have a soft seat/with big wheels and a soft seat;"
     "fort/blankets and chairs/have a secret door/have a lookout/with a lookout above the secret door"},
    {"dish/mistake/taste",
     "cake/took salt for sugar/like the sea;pie/forgot it in the oven/like a burned boot;soup/put in too much "
     "pepper/like fire;"
     "bread/left out the yeast/like a stone;pudding/dropped in an onion/like a wet sock;porridge/let it boil over/like "
     "smoke;"
     "jam/left out the sugar/like green apples;stew/mixed up the pepper and the cinnamon/like a strange Christmas"},
    {"wander/way-home",
     "followed a [colour] butterfly/follow the stream, for it flows past the [home-of];picked one berry after "
     "another/look for the smoke of the chimneys;"
     "chased a rolling hat/climb a hill and look around;ran after a rabbit/walk toward the sound of the bells;"
     "looked for mushrooms/keep the evening sun in front of you;went to see where the path ends/stay where you are and "
     "call loudly"},
    {"job/task/duty/trouble",
     "baker/roll out the dough/take the rolls out of the oven/dropped the whole tray;farmer/milk the cow/look for eggs "
     "in the hay/left the gate open;"
     "gardener/plant the tulips/pull out the weeds/pulled out a carrot by mistake;carpenter/hold the boards/hammer in "
     "a nail/hit it until it was bent;"
     "librarian/dust the shelves/sort the books/put the bear books with the bread books;potter/press the clay/shape a "
     "bowl/let the wet bowl fall flat;"
     "tailor/thread the needles/sew on a button/sewed the sleeve shut;fisher/scrub the deck/tie up the boat/made a "
     "knot that would not open;"
     "painter/stir the paint/climb down the ladder/stepped into the blue bucket;postman/sort the letters/carry them "
     "from door to door/put a letter into the wrong box;"
     "beekeeper/light the smoker/scrape the frames/let a drop of honey run into the glove;shoemaker/wax the "
     "thread/glue on a sole/glued two soles together;"
     "clockmaker/dust the gears/set the clocks/set every clock to a different hour"},
});

inline constexpr auto trials_rules = std::to_array<Rule>({
    {"again", R"~(
[Name] tried once more. It was (a little|no|hardly any) better. | [He] tried again, and again, and again. | [He] got
up and tried a second time, and a third time. | "Once more," said [name], and [he] tried it again. | All
(morning|afternoon) long [he] tried, and each time it went wrong. | The second time was no better than the first.)~"},
    {"give-up", R"~(
"I (will never learn it|cannot do it|give up)!" said [name]. | "It is no use," [name] said and kicked a stone. |
"Everyone can do it but me," said [name]. | [Name] wanted to (give up|run home).)~"},
    {"shelter", R"~(
a small cave|an old barn|an empty hut|a hollow tree|a bridge|a big rock that leaned to one side|a shed)~"},
});

inline constexpr auto trials_episodes = std::to_array<Episode>({
    // Afraid of something.
    {Cast::any, Season::warm, R"~(
[Name] was afraid [dread]. (Nobody knew it but <friend>.|[He] was ashamed of it, and told only <friend>.|The others
laughed about it, but not <friend>.) {when||}[Scene]. <fear> ("I cannot do it," [he] whispered.|"You go first," [he]
said <softly>.|"I want to go home," [he] said.|) (Then [name2] took [his] [hand].|[Name2] stood beside [him].|[Name2]
did not laugh.) "(I was afraid [dread], too|I know how that feels|My grandma taught me a trick)," [he2] said.
"[Trick]." (<thinks>|[Name] did not believe it at first, but [he] wanted to try.|[Name] swallowed hard.|[Name]
nodded.) (Then|Slowly,) [he] [step]. (And then|And look|And really): [done]! <up> [moral=(being brave means to be
afraid and to try anyway|big things begin with small steps|fear gets smaller when a friend is near)]
(<lesson>|<lesson>|<thanks>|"(Again|Let us do it again)!" said [name], and they both laughed.) (From then on, [name]
was not afraid [dread] anymore.|[Name] was still a little afraid [dread], but [he] knew what to do.|))~"},
    // Learning something.
    {Cast::any, Season::any, R"~(
<friend> could [skill], and [name] wanted to learn it, too. <when> [he] (began|tried it for the first time|made a
start). [He] [start], but (oh dear, |alas, |)[slip]. (<again>|<again>|<down> <again>) <give-up> "(It took me a whole
summer|I tried it a hundred times before it worked|Nobody can do it at once|I will tell you a secret)," said [name2].
"[Hint]." (<thinks>|[Name] listened carefully.|[Name] wiped [his] face and nodded.) [Name] tried it that way. (It was
a little better.|It almost worked.|And really, for a short moment it worked!) (Every day|Each morning|Day after day)
[he] practiced, and (every day it went a little better|slowly it went better|[he] did not give up|[name2] helped
[him]). (After two weeks|One evening|When the leaves turned yellow|At last), [name] could [skill] (as well as
[name2]|as if [he] had never done anything else|all by [himself]). <up> "(Look at me!|I can do it!|Did you see that?)"
[he] <cried>. [moral=<m-try>] (<lesson>|[Name2] clapped [his2] [hands].|<thanks>|"I knew you could do it," said
[name2].) (Now [name] shows the little ones how it is done.||))~"},
    // A storm.
    {Cast::any, Season::warm, R"~(
<when> [name] and <friend> were playing [game] [out]. Suddenly (the sky turned black|the wind began to blow|thunder
rolled over the hills|a flash of lightning lit the clouds). "(A storm is coming!|Did you hear that?|We must get away
from here!)" <cried> [name2]. (Heavy rain began to fall|Big drops fell on their noses|Hail danced on the ground), and
both of them were <afraid>. ("Under the tree!" said [name2]. "No, never under a tree!" said [name].|) [Name] looked
around and saw <shelter>. "(Quick|Hurry|This way|Follow me)!" [he] <cried>. They (ran there|crawled under it|slipped
inside) and (sat close together|held each other|waited|listened to the rain). (To be less afraid, they (sang a
song|told each other stories|counted to one hundred).|[Name2] had a [food] in [his2] pocket, and they shared
it.|"(Tell me a story|Say something funny)," said [name2], and [name] did.) After a while the rain stopped, and (a
bright rainbow stood in the sky|the sun came out|every leaf was shining|steam rose from the warm ground). [moral=(even
the worst storm goes by|a friend makes the thunder quieter|after the rain the world is new)] ("The storm was loud,"
said [name], "but (it was not so bad because you were with me|we were safe because we stayed together)."|They splashed
through every puddle on the way home.|<lesson>|[Parent] came running to meet them. "There you are!" [phe] <cried> and
hugged them both.|"Let us stay a little," said [name2]. "It is so beautiful."))~"},
    // A noise.
    {Cast::any, Season::any, R"~(
{when|One night|That night}, [name] woke up. There was a (strange|soft|loud|terrible) [noise] sound! (It came from
outside.|It stopped, and then it began again.|It came nearer and nearer.) <fear> "(That is|It must be) [suspect],"
[he] thought, and (pulled the blanket over [his] head|hid under the bed|lay as still as a stone). (<friend> was
staying the night and heard it, too|In the morning, [he] told <friend> about it, and the next night they waited
together|[He] woke <friend>, who was sleeping over). "Maybe it is [suspect2]," whispered [name2]. "(Let us look|We
must find out|I want to see it)!" said [name]. They took (a lamp|a candle|a lantern) and (went on tiptoe|crept|walked
hand in hand) (through the dark hall|down the stairs|to the door|around the corner). [Noise], [noise]! (It was very
near now.|[Name2] held [name] tightly.|The light shook in [name]'s [hand].) [Name] (lifted|held up) the light. (And
what did they see? It was not [suspect]. It was [truth]!|It was only [truth]!|"Look," said [name2], "it is only
[truth]!"|They both held their breath. It was [truth]!) (They laughed until they had to sit down.|"And I was afraid of
that!" <cried> [name].|<up>) [moral=(most things are less scary when you look at them closely|things look bigger in
the dark|a little light is stronger than a big fear)] (<lesson>|<lesson>|"Good night," said [name] to the noise, and
went back to bed.|When they told [parent], [phe] laughed until tears came.))~"},
    // A heavy load.
    {Cast::any, Season::any, R"~(
<when> [name] (wanted to move|had to move|came upon) [load]. ([He] pulled and pulled, but it did not move.|[He] pushed
with all [his] might, but it stood like a rock.|But it was (too heavy|much too heavy) for one alone.|[He] tugged at it
until [his] face was red.) ("Perhaps I am not strong enough," [he] said.|"Heave!" [he] <cried>, but it was no
use.|[He] pushed from the other side, but that did not help, either.) So [he] called <friend>. They (pulled
together|pulled as hard as they could|counted to three and pulled), but it (did not move|moved only a tiny bit|stayed
where it was). They called [neighbor]. ([Neighbor] pulled [name2], [name2] pulled [name], and [name] pulled at the
load|Now there were three of them, and they pulled and pushed|[Neighbor] spat into [nhis] [hands], and they all took
hold|[Neighbor] took the front, and [name] and [name2] pushed from behind), but (still it did not move|it was no
use|nothing happened). (<down>|They sat down and wiped their faces.|"We should give up," said [name2].) Then a
[helper-last] came along and asked, "(Can I help|May I help|What are you doing)?" (They all laughed. "You are much too
small!" said [name2].|[Name2] laughed, but [name] said, "(Why not?|Every bit helps!|Of course!)"|"Every bit helps,"
said [name].) [moral=(even a small friend can be a great help|many [hands] make light work|nobody is too small to
help)] (So|Once more) they all pulled together(, one, two, three| with all their might||, big and small), and (it
moved|suddenly it came loose|really, it began to move)! (They fell over backward, one on top of the other.|With a
great creak it came free.|It rolled so fast that they had to jump aside.) ("Who did that?" asked [name]. "All of us,"
said the [helper-last].|"(Thank you|You see)," said [name] to the [helper-last], "we only needed you."|<lesson>|<up>
<lesson>))~"},
    // Building together.
    {Cast::any, Season::any, R"~(
<when> [name] and <friend> wanted to build a [build] out of [stuff]. "It must [plan]," said [name]. "No, it must
[other-plan]," said [name2]. (So each of them built alone|So they began, one here and one there|And so they began to
build, back to back). ([Name] did not look at [name2], and [name2] did not look at [name].|They did not speak a
word.|) (But before long|Then came the wind, and|With a loud crash) [name]'s [build] fell down. (And a moment
later|Then) [name2]'s [build] fell down, too. (They looked at each other.|<down>|For a while it was very quiet.)
"(Mine was not strong enough|I needed a second pair of [hands])," said [name]. "(Mine, too|And I could not hold it
alone)," said [name2]. [moral=(two good plans can make a better one|together you can do what you cannot do alone|four
[hands] build better than two)] (<thinks> "What if we build it [both]?" [he] said.|"Let us build it [both]!" said
[name2].) (This time they worked together.|So they put their things on one pile.|Now it went twice as fast.) (One
held, and the other (set it in place|fixed it|built).|[Name] passed the [stuff], and [name2] put everything in its
place.|When one was tired, the other went on.) (It took until evening|It was hard work|They sang while they worked),
but then there stood a [build], [both]. (<up>|[Parent] came to see it and (whistled|clapped).|They put a [colour] flag
on it.) (<lesson>|<lesson>|They ate their dinner beside it.|It stood for a long, long time.))~"},
    // Cooking goes wrong.
    {Cast::any, Season::any, R"~(
<when> [name] wanted to surprise [parent] with some [dish]. <friend> came to help. (They were in a hurry|They did not
read the recipe|They talked and laughed all the time), and so they [mistake]. When [name] tasted it, [he] (made a
terrible face|spat it out|had to drink three cups of water). "(It tastes|That tastes) [taste]!" [he] <cried>. [Name2]
tasted it, too, and (shook [himself2]|turned green|held [his2] nose). They looked at each other, and (began to
laugh|did not know whether to laugh or to cry). (Just then|At that moment) [parent] came in and (saw the mess|stood
still in the door|looked around). (There was flour on the floor, on the wall, and on [name2]'s nose.|There was not one
clean spoon.|) ([Phe] was not angry.|But [phe] only laughed.|[Phe] tasted it and had to laugh.) "(Everyone makes
mistakes|My first [dish] was no better|Well, now you know how not to do it)," [phe] said. "(Let us try again, step by
step|Now we do it together|Read it aloud, and I will show you|Once more from the beginning)." [moral=<m-try>] This
time they (measured everything twice|did everything with care|took their time), and the [dish] tasted
(<good>|<good>|so good that they all wanted more). (<lesson-parent>|<up>|They saved some of it for [neighbor].|They
cleaned the kitchen together, and that took the longest.))~"},
    // Losing the way.
    {Cast::any, Season::any, R"~(
<when> [name] and <friend> were [out]. [Name] [wander], (farther and farther|and did not look back), until nothing
looked familiar anymore. "(Where am I|[Name2]! Where are you)?" [he] <cried>. (Nobody answered|Only an echo
answered|Only the wind answered). <fear> (The shadows grew longer.|It began to get dark.|Fog came up.|) ([He] went to
the left, but there were only thorns.|[He] turned around, but the path was gone.|One tree looked like the other.)
([He] went to the right, but there was only a swamp.|[He] climbed over a log, and behind it was one more log.|[He]
walked in a big circle and came back to the same stone.|) <down> Then [he] remembered (what [parent] had told
[him]|the words of [parent]|[parent]'s advice): "If you are ever lost, [way-home]." [moral=(it pays to listen to those
who know the way|<m-careful>)] <thinks> (So that is what [he] did.|That was good advice.) (It took a long time|It was
not easy|Step by step [he] grew calmer), (but at last [he] heard a voice|and then [he] heard somebody call [his]
name). "[Name]! [Name]!" It was [name2], and [parent] was there, too. (They had looked for [him] everywhere.|They held
[him] tightly.|) "(You remembered|How clever of you)!" said [parent]. (<lesson>|<lesson-parent>|<up>|From then on,
[name] never went so far alone.))~"},
    // A day at work.
    {Cast::children, Season::any, R"~(
[Name] wanted to be a [job] when [he] was grown up. <when> [neighbor], who was a [job], said, "(You may help me
today|Come and see what a [job] does)." [Name] (put on an apron|rolled up [his] sleeves|came at once), and <friend>
came along. First they (had to|were allowed to) [task]. (That was harder than it looked.|That was fun!|It took a long
time.) Then [name] wanted to [duty], but [he] was too fast and [trouble]. (Oh no!|<down>|[Name]'s face turned red.)
"(I have spoiled everything|I am so clumsy|Now I have done it)," [he] said. [Neighbor] (laughed|smiled|patted [his]
head). "On my first day I did (worse|the same thing)," [nhe] said. "(Watch me|Slowly, and with both eyes open)."
[moral=<m-careful>] [Name2] helped to clean up, and [name] tried again. This time (it went well|it was just right). In
the evening they were (tired but happy|very tired|proud of their work). "(You are good helpers|You may come
again|There is the making of a [job] in you)," said [neighbor] and gave each of them a [food]. (<lesson>|Now [name]
wanted to be a [job] even more.|<up>|[Name] slept well that night.))~"},
    // Stage fright.
    {Cast::any, Season::any, R"~(
<when> there was a big (show|feast|concert) [at], and [name] was to (sing a song|say a poem|tell a joke|play the
flute). ([He] had practiced for weeks.|At home it had gone so well.|[He] knew every word by heart.) But then [he] saw
all the [folk]. <fear> "(I cannot do it|I forgot everything|My head is empty)," [he] whispered. <friend> (took [his]
[hand]|stood beside [him]). "(Look only at me|Do it for me|Think that they are all cabbages)," [he2] said. <thinks>
(Then|Slowly,) [name] (stepped forward and began, first very quietly and then louder|opened [his] mouth, and the first
word came, and then the next|looked only at [name2] and began). (In the middle [he] got stuck, but [name2] moved
[his2] lips, and [he] knew it again.|Once [his] voice shook, but [he] went on.|It went well.) (When [he] finished|At
the end|After the last word), (it was still for a moment|nobody moved). Then everybody (clapped|cheered|stood up and
clapped)! [Parent] (threw a flower|waved a [colour] scarf|clapped the loudest). <up> [moral=(being brave means to be
afraid and to try anyway|one friendly face is enough|you can do more than you think)] (<thanks>|<lesson>|"You did it
yourself," said [name2]. "I only (watched|smiled)."|"When is the next show?" asked [name].))~"},
});

}  // namespace stories

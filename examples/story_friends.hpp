// Episodes between friends: sadness, quarrels, sharing, promises, gifts, new faces.
#pragma once
#include "story_notation.hpp"
#include <array>

namespace stories {

inline constexpr auto friends_tables = std::to_array<Table>({
    // What somebody is sad about, what a friend does, and how that ends.
    {"sorrow/deed/after",
     "My balloon flew away/blew up the biggest balloon that could be had and tied it to a stone/This one cannot fly "
     "away;"
     "Nobody remembered my birthday/ran from door to door and came back with friends, candles, and a cake/"
     "This is the best birthday of all;"
     "The big ones say that I am too little to play/made up a new game that only little ones could win/I won! Let us "
     "play it again;"
     "My tower fell down, and I worked on it all day/carried back every block, and they built it up again/"
     "It is even taller than before;"
     "My grandma went home, and I miss her/brought paper and colors, and they drew a picture to send to her/She will "
     "laugh when she gets it;"
     "I cannot draw as well as the others/showed how to draw a cat out of two circles/It looks like a real cat;"
     "I sang a wrong note, and everyone laughed/sang the same wrong note, and it became a funny song/Now I like that "
     "note best;"
     "The others went on a picnic without me/spread a blanket and put out bread and jam for two/This picnic is even "
     "better;"
     "I have nobody to fly my kite with/took the string and ran down the hill/It is higher than the trees"},
    {"cheer",
     "told a joke, but;made a funny face, but;stood on one leg, but;sang a silly song, but;offered a [food], "
     "but;danced like a bear, but;"
     "pulled a flower from a sleeve, but"},
    {"gift/gift-how",
     "scarf/knitted it row by row;card/painted it with seven colors;necklace/put one shell after the other on a string;"
     "puppet/sewed two buttons on it for eyes;paper boat/folded it again and again;clay pot/shaped it on the kitchen "
     "table;"
     "pillow/filled it with soft wool;paper star/cut it out with great care;wooden spoon/carved it from a branch;"
     "picture frame/glued small shells all around it;kite/fixed the paper to two sticks;basket/wove it out of reeds;"
     "pair of mittens/used the softest wool;bookmark/pressed a blue flower on it"},
    {"ill/cure",
     "has a cold/hot soup;has a fever/cool tea with honey;has hurt one leg/a basket of pears;has the measles/a box "
     "full of riddles;"
     "has a sore throat/warm milk with honey;has a tummy ache/some dry toast and mint tea"},
    {"promise/forgot",
     "to water [his2] flowers/the flowers hung their heads;to feed [his2] hens/the hens were hungry and made a "
     "terrible noise;"
     "to meet [him2] at the old gate/[name2] had waited for two hours in the wind;"
     "to bring a letter to [neighbor]/the letter was still in [his] bag;"
     "to help [him2] carry wood/[name2] had carried it all alone;to take in [his2] washing/the rain had soaked it"},
    {"boast/boast-end",
     "jump over the brook/landed in the middle of it with a great splash;climb to the very top of the tree/got stuck "
     "on the third branch;"
     "eat ten plums at once/had a terrible tummy ache after the sixth;walk the whole way backward/fell right into a "
     "bush;"
     "lift the big log/sat down on the ground with a bump;catch a fish with bare [hands]/caught only an old boot;"
     "stay awake all night/fell asleep before the moon was up;whistle louder than the train/could only make a funny "
     "hiss"},
});

inline constexpr auto friends_rules = std::to_array<Rule>({
    {"ask-why", R"~(
"(What is wrong|What is the matter|Why are you so sad), [name2]?" [name] asked. | "You are not laughing today," said
[name]. "What happened?" | [Name] sat down beside [him2] and waited until [he2] wanted to talk. | "Tell me about it,"
said [name] <softly>. | "Did you hurt yourself?" asked [name]. [Name2] shook [his2] head.)~"},
    {"share-idea", R"~(
Then [he] cut it in (two|half) and gave one part to [name2]. | Then [he] broke it in two, and gave [name2] the bigger
piece. | "Here, this is for you," [he] said, and held out half of it. | "We share it," [he] said. "One bite for you,
one bite for me." | "You know what? I am not that hungry," [he] said. "Take half.")~"},
    {"quarrel", R"~(
"I had it first!" (said|<cried>) [name]. "No, I had it first!" <cried> [name2]. | "It is mine!" said [name]. "It is
not!" said [name2]. | "You always get it," said [name]. "That is not true," said [name2], and [his2] face grew red. |
"Let go!" said [name]. "You let go!" said [name2]. | "My turn!" they both <cried> at the same time.)~"},
    {"alone", R"~(
Everything was quiet, and nothing was fun anymore. | [He] tried to play [game2] alone, but that is hard. | [He] looked
at the [toy]. It did not seem so pretty now. | "Who cares?" [he] said, but [he] did care. | [He] told [himself] a
joke, but nobody laughed. | The afternoon seemed to last forever.)~"},
    {"welcome", R"~(
"Do you want to play with (us|me)?" asked [name]. | "Come, I will show you everything," said [name]. | "There is room
for one more," said [name]. | "Hello! I am [name]. What is your name?" "[Name3]," said the [kind3] <softly>. "Come and
play, [name3]!" | [Name] held out [his] [toy]. "You can have a turn," [he] said.)~"},
});

inline constexpr auto friends_episodes = std::to_array<Episode>({
    // A sad friend.
    {Cast::any, Season::any, R"~(
<when> [name] (found|met|saw) <friend> [at]. [Name2] was sitting (all alone|on a stone|on the ground|with [his2] head
in [his2] [hands]). <down2> <ask-why> "[Sorrow]," said [name2](| at last|, and sniffed). [moral=(a good friend makes
every day brighter|sadness is lighter when it is shared|a friend can turn tears into laughter)] ([Name] [cheer]
[name2] did not even smile.|[Name] [cheer] that did not help. Then [he] [cheer2] that did not help, either.|"Oh, that
is too bad," said [name]. [He] [cheer] [name2] only sighed.|[Name] understood that very well.) (Then [he] had (an
idea|a better idea)|<thinks> Then [he] knew what to do|But [name] did not give up). [He] [deed]. (<up2>|[Name2]'s eyes
grew wide.|That made [name2] laugh at last.|[Name2] wiped away [his2] tears.|Little by little, [name2] began to
smile.) "[After]!" [he2] <cried>. (<thanks2>|They laughed until it was dark.|<lesson>|<thanks2> <lesson>))~"},
    // Sharing food.
    {Cast::any, Season::any, R"~(
<when> [name] had a (big|sweet|fresh|warm) [food] for lunch. [He] sat down (on a rock|on a bench|on a log|in the
shade) [at] and was (about to take a bite|just opening [his] mouth) when <friend> came by. [Name2] looked
(hungry|tired|sad|at the [food] with big eyes). "(I forgot my lunch|I dropped my lunch in the mud|A goose ate my
lunch|I have had nothing since the morning)," [he2] said <softly>. [Name] looked at the [food]. (It smelled so
good!|[He] was hungry, too.|It was not very big.|) <thinks> <share-idea> They (ate together|sat side by side and ate)
and talked about (animals|the stars|their dreams|funny things|far lands|pirates and whales|the weather|their
grandmothers|rockets and volcanoes). (<thanks2>|Not a crumb was left.|) [moral=<m-share>] (The next day|A week
later|Some days later), it was [name] who (had forgotten [his] lunch|had nothing to eat). But [name2] came with a
(huge|fine|golden) [food2] and said, "(Now it is my turn to share|Half of this is yours|Do you remember? Today I share
with you)!" (<lesson>|<up>|<up> <lesson>))~"},
    // A lie about food.
    {Cast::any, Season::any, R"~(
<when> [parent] put a [food] on the (table|window sill|shelf) and said, "This is for (later|tonight|our guest)." (But
it smelled so good that [name]|[Name] walked around it, sniffed, and then [he]|When nobody was looking, [name]) (ate
it all up|ate it in three bites|took a small bite, and another, until it was gone). Soon [parent] came back. "(Who
ate|Where is|What happened to) the [food]?" [phe] asked. "(It was [name2]|[Name2] ate it)," said [name]. But that was
(a lie|not true)! So <friend> got into trouble. [Parent] (was angry with [name2]|spoke sternly to [name2]|sent [name2]
home). <down2> (That night|All afternoon|After that), [name] could not (play|sleep|smile|eat), and [his] tummy hurt.
([He] heard [name2]'s sad voice in [his] head.|The lie lay on [his] heart like a stone.|) <thinks> [moral=<m-honest>]
(At last|Then) [he] went to [parent]. ("It was me," [he] said. "I ate it, and I lied."|"It was not [name2]. I ate it,"
[he] said.|"I have told a lie," [he] said. "I ate the [food]."|"I must tell you something," [he] said, and told [phim]
everything.) [Parent] (hugged [him]|took [his] [hand]|looked at [him] for a long time) and said, "(It was wrong to
lie, but it was brave to tell the truth|I am glad that you told me. Now tell [name2]|That was not right. But thank you
for telling me)." (Then|After that) [name] went to [name2]. <sorry> <forgive> (<lesson>|They baked a new [food]
together.|[Name] never told (a lie|such a lie) again.))~"},
    // A gift.
    {Cast::any, Season::any, R"~(
{when||}(It was almost|It would soon be|Tomorrow was) the birthday of <friend>. [Name] wanted to give [him2] (the best
gift|a fine present|something special|a surprise), but [he] had no money. (|"What can I do?" [he] asked [parent]. |"I
have nothing to give," [he] told [parent]. )"(The best gifts come from the heart|Make something with your own
[hands]|Think of what [name2] likes)," <said> [parent]. So [name] made a [gift]. [He] [gift-how], and it took (the
whole morning|a long time|two days|many hours). (The first one went wrong, so [he] began again.|Once [he] almost gave
up.|[Parent] helped a little, but only a little.|) (At the party|On the great day) there were
(balloons|games|candles|garlands) and a (pink|white|yellow|huge) cake. (The others brought big boxes.|There were many
big gifts.|A pile of gifts lay on the table.) (Now [name] was (nervous|shy).|"My gift is so small," [name] thought.|)
But when [name2] saw the [gift], [his2] eyes (grew wide|were shining). "(You made this for me? It is the best one of
all|Nobody ever made something for me|It is beautiful, and you made it for me|I will keep it forever)!" [he2] <cried>.
<up> [moral=(what is made with love is worth more than gold|the best gifts come from the heart)] (Then everyone sang
and ate cake.|<lesson>|[Name2] showed it to everybody.|They danced until it was dark.))~"},
    // A friend is ill.
    {Cast::any, Season::any, R"~(
<when> [name] wanted to play [game] with <friend>, but [name2] did not come. "[Name2] is in bed," said [neighbor].
"[He2] [ill]." (<down>|[Name] was worried.|"Poor [name2]!" said [name].) (|"What can I do?" [he] asked [parent]. |"May
I go there?" [he] asked [parent]. )"Bring [him2] [cure]," said [parent], "and stay a little while." (So they|[Name]
and [parent]) (got|made|prepared) [cure]. [Name] carried it through the (wind|rain|village|field) (and did not spill a
drop|with great care|all alone). [Name2] lay in bed and looked (pale|tired|bored). "(You came|Is that for me|Oh, a
visitor|I am so glad to see you)!" [he2] said. (<up2>|[He2] sat up at once.) [Name] (opened the window a little|shook
the pillow), told [him2] (what had happened|about the [bird] in the garden|a long, funny story), and stayed until it
was dark. [moral=(a visit is the best medicine|laughter helps more than bitter drops|a friend is there on good days
and on bad days)] (In [number] days|After [number] days) [name2] was well again. (<thanks2>|<lesson>|"Your visit
helped more than the medicine," [he2] said.|The first thing they did was to play [game].))~"},
    // A quarrel.
    {Cast::any, Season::any, R"~(
<when> [name] and <friend> found a [look] [colour] [toy] [at]. Both of them wanted (to play with it|it|to have it).
<quarrel> They pulled (at it |)(this way and that way|back and forth) until (they both fell down|it fell into the
mud|[name2] let go and ran home). (Then they turned their backs on each other.|"I will never play with you again!"
said [name].|They went home without a word.) At home, [name] sat in [his] [den]. <alone> <down> [moral=(friends can
always make up|a friend is worth more than any toy|it takes two to end a quarrel|a toy is no fun without a friend)]
("What happened?" asked [parent]. [Name] told [phim] everything. "What is more important, the [toy] or [name2]?" asked
[parent].|<thinks>|[He] thought of all the good times with [name2].) So [he] took the [toy] and went to [name2]. (On
the way [he] met [name2], who was coming to [him]!|[Name2] was sitting in front of the door.|[He] knocked, and [name2]
opened.) <sorry> "I am sorry, too," said [name2]. ("You can have it," said [name]. "No, you," said [name2], and they
laughed.|They agreed to take turns: one day [name], one day [name2].|"Let us play with it together," they both said at
once.) (<lesson>|<up>|From then on, the [toy] belonged to both of them.))~"},
    // A new face.
    {Cast::any, Season::any, R"~(
<when> [name] and <friend> were playing [game] [at] when they saw <stranger3>. [Name3] (stood behind a tree|stood at a
distance|sat on a stone) and watched them. ([He3] had moved here only [number] days ago.|Nobody knew [him3] yet.|[He3]
had come from far away.) "(Who is that?|I do not know that [kind3],)" said [name2]. "(Let us go on|Maybe [he3] does
not want to play)." But [name] saw that [name3] (looked sad|was looking at [his3] [feet]|was too shy to speak).
(<thinks>|[Name] remembered how it is to be alone.) Then [he] walked over to [him3]. <welcome> [moral=(a kind word
opens a door|everyone was new once|three can have more fun than two|a stranger may be a friend whom you have not met)]
(<up3>|[Name3] looked up in surprise.) "(Yes, please|I would love to)!" [he3] said. (It turned out that [name3] could
run faster than anybody.|[Name3] knew a new game that was great fun.|[Name3] told the funniest stories.|[Name3] was so
funny that [name2] had to hold [his2] belly.) (In the evening|Before long) the three of them were (friends|good
friends). ("We should have asked you sooner," said [name2].|<lesson>|<lesson>|"Will you come again tomorrow?" asked
[name2].))~"},
    // A promise.
    {Cast::any, Season::any, R"~(
<when> [name] (promised <friend>|gave <friend> [his] word) [promise]. But that day [he] (played [game] [at]|watched a
[small] for hours|fell asleep in the sun|built a dam in the brook) and (forgot all about it|did not think of it once).
In the evening [his] face turned pale: (the promise|[his] promise)! [He] ran, but it was too late: [forgot]. [Name2]
(said nothing|only looked at [him]|turned away). (That was worse than angry words.|[Name] would have liked to sink
into the ground.|) <down> <sorry> ("Words are easy," said [name2].|[Name2] did not answer.|) [moral=(a promise must be
kept|your word is worth as much as you make it)] ([Name] wanted to make it good.|"I will make up for it," [name]
thought.|) The next day [he] (got up with the sun|was there before breakfast) and (worked until evening|did everything
that there was to do). (The day after, [he] came again, and the day after that, too.|And this [he] did for a whole
week.|[He] did not miss one day after that.) (Then|At last) [name2] (smiled|brought two cups of juice). "(Now I
believe you|It is good again)," [he2] said. (<thanks>|<up>|) <lesson>)~"},
    // Boasting.
    {Cast::any, Season::any, R"~(
"I can [boast]!" [name] (often|always) said. <when> <friend> said, "(Show me|I would like to see that|Really? Then do
it)!" ([Name] had never tried it.|It was not true at all.|[Name] became a little pale.) (But now everyone was
looking.|But [he] did not want to say so.|"That is easy," [he] said.) (All the [folk] came to watch.|They stood around
in a circle.|[Name2] counted: "One, two, three!") [Name] (took a deep breath|closed [his] eyes|counted to three),
began, and [boast-end]. (Everybody laughed.|For a moment it was quiet.|Some giggled.) [Name]'s face (grew hot|turned
red). (<down>|[He] wanted to hide.) But [name2] (came to [his] side|did not laugh|put an arm around [him]). "(I like
you just as you are|You do not have to be the best|I cannot do it, either)," [he2] said. [moral=(those who boast must
show it|it is best to say what is true and no more|you do not have to be the best to be liked)] (Then [name] began to
laugh [himself].|"I should not have said it," said [name].|"What I really can do is [hobby]," said [name].)
(<lesson>|<lesson>|They had a good time together after all.|<up>))~"},
    // A race.
    {Cast::any, Season::any, R"~(
<when> there was a big race [out]. <stranger3> was the fastest of all and said, "(I will win|Nobody can beat me|You
are too slow for me, [name])." [Name] (did not feel good about that|said nothing), but <friend> said, "(Just do your
best|Run as well as you can)!" "Ready, set, go!" <cried> [neighbor], and (off they went|everyone began to run).
([Name3] was far ahead.|[Name3] flew over the grass.|At first [name3] was in front.) But then [he3] (fell over a
root|slipped in the mud|tripped on a stone) and hurt [his3] (knee|leg|back). (The others ran past.|Nobody stopped.)
([Name] could have won, but [he]|The goal was near, but [name]|[Name] ran a few more steps, and then [he])
(stopped|turned around|slowed down). "(Are you all right|Can you stand up|Does it hurt)?" [he] asked. [He] helped
[name3] up, and they walked to the end (arm in arm|together|step by step|slowly). (They were the last ones, but
everyone (clapped|cheered|waved) for them.|Nobody had ever clapped so loudly for the last two.|They came in last, and
yet everyone cheered.) "(I am sorry that I was so (rude|proud)|I should not have said that you are slow|I said foolish
things before the race)," said [name3]. "(You are the real winner|You won after all|You could have won, and you helped
me)." [moral=(a good heart is worth more than a medal|it is better to help than to win|winning is not everything)]
(<up>|<lesson>|<forgive3>|[Name2] gave them both a [food].))~"},
});

}  // namespace stories

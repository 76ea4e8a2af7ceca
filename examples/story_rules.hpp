// Sentences that every story may use: beginnings, feelings, comfort, thanks, weather, lessons, endings.
#pragma once
#include "story_notation.hpp"
#include <array>

namespace stories {

inline constexpr auto rules = std::to_array<Rule>({
    {"opening", R"~(
Once upon a time, there was a [trait] (little|young|) [kind] (named|called) [name]. <habit> | There once was a [trait]
[kind] (named|called) [name], who lived (near|close to|not far from) [home]. <habit> | [Name] was a [trait]
(little|young|) [kind] who lived (near|close to|not far from) [home]. <habit> | (Near|Close to|Not far from) [home]
lived a [trait] [kind] named [name]. <habit> | Long ago, a [kind] named [name] lived (near|close to) [home]. [He] was
(very|always|rather) [trait]. <habit> | In a (small|cozy|tiny|snug|warm) [home-of] (near|close to) [home] lived a
[kind]. [His] name was [name]. <habit> | Everyone (near|who lived near) [home] knew [name], the [trait] [kind].
<habit> | This is (the|a) story of a [trait] [kind] named [name]. <habit> | [Name] and [name2] were (friends|the best
of friends|good friends). {friend||}[Name] was a [trait] [kind], and [name2] was a [kind2] who liked to [hobby]. (They
were always together.|They met almost every day.|Nothing could part them.|) | There was a [kind] named [name] who was
very [trait]. [Parent] often said, "(My [trait] [name]|What a [trait] [kind] you are|Nobody is as [trait] as you
are)!" | Do you know [name]? [He] is a [trait] [kind], and this (is what happened to [him]|really happened to [him]).
<habit>)~"},
    {"habit", R"~(
[He] loved to [hobby]. | [He] liked to [hobby](| every day| all day long| in the morning| after lunch| when it
rained). | More than anything, [he] loved to [hobby]. | Whenever [he] could, [he] liked to [hobby]. | Some days [he]
liked to [hobby], and some days [he] liked to [hobby2]. | [He] could [hobby] for hours. | No one liked to [hobby] as
much as [he] did. | [He] (was known for two things|had two wishes) every day: to [hobby] and to [hobby2]. | [He] was
happiest when [he] could [hobby]. | [Parent] had taught [him] to [hobby]. | | |)~"},
    {"when", "{when|<oneday>|<later>}"},
    {"oneday", R"~(
One [weather] (morning|afternoon|day), | One [weather] (morning|afternoon|day), | One day, | One
(Monday|Tuesday|Friday|Saturday|Sunday) (morning|afternoon|), | One day (after breakfast|after lunch|before dinner), |
(Early|Late) one (morning|afternoon), | On a [weather] (day|morning|afternoon), | One [weather] (Saturday|Sunday),)~"},
    {"later", R"~(
The next (day|morning), | (A few|Some|Two|Three) days later, | A week later, | Not long after that, | Soon after that,
| Later that week, | (On|Early on) the following (Monday|Thursday|Saturday|Sunday), | One day soon after that, | And
then, (one [weather] morning|one day),)~"},
    {"outside", R"~(
The birds were singing. | A soft wind moved the leaves. | The sky was as blue as the sea. | The sun felt warm. | Bees
hummed over the flowers. | White clouds floated (by|above the trees). | The grass was still wet. | The air smelled of
(flowers|hay|grass|pine trees). | Far away, a (bell was ringing|dog was barking|rooster crowed). | It was a good day
to be outside. | The (leaves|flowers) were (bright|shining) in the sun. | A [bird] sang (in the bushes|high above). |
| | | | | |)~"},

    {"stranger", "a [kind] named [name]|a [kind] called [name]|a (young|tall|small) [kind] named [name]"},

    // Words for how one feels and speaks.
    {"sad", "sad|very sad|unhappy|upset|miserable|close to tears|sad, so sad"},
    {"happy", "happy|very happy|glad|full of joy|happier than ever|proud and happy|delighted"},
    {"afraid", "afraid|scared|frightened|very nervous|worried|full of fear"},
    {"good", "good|wonderful|delicious|great|fresh|sweet"},
    {"said", "said|answered|replied|said"},
    {"cried", "cried|shouted|called|yelled|exclaimed"},
    {"softly", "softly|quietly|in a small voice|in a low voice"},

    // Sentences about [name]; <rule2> says them of the friend.
    {"down", R"~(
[Name] felt <sad>. | [Name] was <sad>. | Tears came to [name]'s eyes. | [Name] (hung|lowered) [his] head. | [Name]'s
heart (sank|grew heavy). | A tear (ran|rolled) down [name]'s (cheek|nose). | [Name] (sat down|dropped to the ground)
and began to (cry|sob). | [Name] could not hold back [his] tears. | [Name] sighed (deeply|a long sigh|and looked at
the ground).)~"},
    {"up", R"~(
[Name] was <happy>. | [Name] felt <happy>. | [Name]'s (eyes|face) began to shine. | [Name] (jumped|hopped) up and down
for joy. | [Name] could not stop smiling. | [Name] smiled from ear to ear. | [Name] laughed (out loud|with joy). |
[Name] clapped [his] [hands]. | [Name]'s heart felt (warm|light).
| [Name] (spun|danced) around (twice|in a circle).)~"},
    {"fear", R"~(
[Name] was <afraid>. | [Name] felt <afraid>. | [Name]'s heart beat (fast|hard|like a drum). | [Name]'s knees
(shook|were shaking). | [Name] (trembled|shivered). | [Name] did not dare to move. | [Name] held [his] breath.)~"},
    {"thinks", R"~(
[Name] took a (deep|slow) breath. | [Name] thought about it for a (while|moment|long time). | [Name] stood still and
thought (hard|about it). | [Name] closed [his] eyes and thought (hard|for a moment). | [Name] (rubbed|scratched) [his]
chin and thought. | For a (moment|while), [name] (said nothing|was silent). | [Name] counted to ten.)~"},
    {"comfort", R"~(
"Do not (cry|worry|be sad)," said [name2]. "(I will help you|We will find a way|I am here|Two heads are better than
one)." | "(Do not give up|Cheer up)!" said [name2]. "We can do (it|this) together." | [Name2] put an arm around
[name]. "(Let me help|I will help) you," [he2] <said>. | But [name2] (squeezed|took) [name]'s [hand] and said, "(Come
on|Come), we will think of something." | "I have an idea," said [name2](| after a while). "(Come with me|Let us do it
together)!" | "(What is wrong|What is the matter)?" asked [name2]. When [he2] heard it, [he2] said, "(I will not leave
you alone|I will help you, of course|That can be put right)." | [Name2] gave [name] a (hug|big hug). "It is not (so
bad|the end of the world)," [he2] said. "Let us try (something|together).")~"},
    {"thanks", R"~(
"Thank you(, [name2]| so much| for your help)!" (said|<cried>) [name]. | [Name] thanked [name2] (again and again|with
all [his] heart|and gave [him2] a hug). | "You are a (true|good|great|real) friend," [name] told [name2]. | "What
would I do without you?" [name] asked, and [name2] (laughed|smiled). | "I could not have done it (alone|without you),"
[name] said. "(Thank you|Thank you, [name2])!" "(That is what friends are for|You would do the same for me|It was
fun)," said [name2]. | [Name] threw [his] arms around [name2]. | "(How can I thank you?|I will never forget this!)"
said [name]. "(You do not have to|It was nothing)," <said> [name2].)~"},
    {"sorry", R"~(
"I am (so|very|really) sorry," said [name]. | "Please forgive me, [name2]," [name] said <softly>. | "Can you forgive
me(|, [name2])?" asked [name] <softly>. | "I did not mean to hurt you," said [name]. "I am sorry." | "It was wrong of
me, and I am sorry," said [name]. | [Name] looked at the ground and said, "I am sorry(|, [name2])." | "I wish I had
not done it," [name] said. "I am sorry(| with all my heart).")~"},
    {"forgive", R"~(
"I forgive you," said [name2](|, and [he2] meant it). | [Name2] (smiled|nodded). "Let us forget it," [he2] said. |
"(That is all right|It is all right)," said [name2]. "(We are still friends|Friends forgive each other)." | [Name2]
thought for a moment, and then [he2] (smiled|held out [his2] [hand]). "Friends again?" [he2] asked. "Friends!" said
[name]. | [Name2] hugged [name], and (all was well again|they were friends again). | "(It takes courage to say
that|Thank you for saying it)," <said> [name2].)~"},

    // What a story shows: an episode says its [moral] first.
    {"lesson", R"~(
[Name] learned that [moral]. | From that day on, [name] knew that [moral]. | And so [name] found out that [moral]. |
"Now I know (|it): [moral]," [name] (thought|said to [himself]). | That day [name] learned that [moral]. | [Name]
(never forgot|would never forget) that [moral]. | | |)~"},
    {"lesson-parent", R"~(
"You see," said [parent], "[moral]." | [Parent] (smiled|nodded) and said, "Remember, [moral]." | "[Moral]," said
[parent], and [name] (knew|felt) that it was true. | [Name] learned that [moral]. | [Parent] was (proud of|very proud
of) [him]. | |)~"},
    {"m-honest", R"~(
it is (better|best) to tell the truth|the truth is (better|lighter) than a lie|being honest is (hard at first, but
good in the end|always right)|a true word makes the heart light)~"},
    {"m-share", R"~(
when you share, everyone has enough|food tastes better when you share it|to share is to make a friend|half of
something with a friend is better than all of it alone)~"},
    {"m-patient", R"~(
good things take time|you must not give up too soon|those who can wait are often rewarded|little by little, great
things grow)~"},
    {"m-careful", R"~(
it is better to be careful|a good look costs nothing|slow and careful is often faster in the end|it is wise to listen
to good advice)~"},
    {"m-try", R"~(
nobody can do everything at once|you learn from your mistakes|practice makes it easier|you can always try again)~"},

    {"ending", R"~(
That (night|evening), [name] (fell asleep|went to bed) with a smile. | [Name] (never forgot it|never forgot that day).
| [Name] often thought of it later on. | And they all lived happily ever after. | The end. | When [name] told [parent]
about it in the evening, [phe] (smiled|laughed|gave [him] a kiss|wanted to hear all of it twice). | And if you ask
[name] today, [he] will tell you (about it|this story) (again|with a laugh|with shining eyes). | That (night|evening),
[name] dreamed of (it all|a [colour] [look] [toy3]|flying|the sea|new adventures). | It had been a
(long|good|wonderful) day. | [Name] and [name2] are (still friends|the best of friends to this day). | | | | |)~"},
});

}  // namespace stories

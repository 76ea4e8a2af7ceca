// The words of the stories: who there is, and tables of places and things.
#pragma once
#include "story_notation.hpp"
#include <array>
#include <string_view>

namespace stories {

inline constexpr auto children = std::to_array<People>({
    {"Lily;Anna;Mia;Zoe;Ella;Ruth;Emma;Sara;Lucy;Nora;Rosa;Amy;Ivy;Kate;Maya;Clara;Aisha;Mei;Priya;Leila;Ingrid;Yuki;"
     "Amina;Carmen;Olga;Freya;Nina;Tala;Sofia;Hana;Lola;Greta;Fatima;Elsa;Wanda;Abeni;Alice;Dina;Paula;Simone;Tessa;"
     "Zara",
     "she/her/her/herself/girl"},
    {"Tom;Ben;Sam;Max;Leo;Paul;Jack;Tim;Noah;Finn;Omar;Hugo;Carl;Adam;Luke;Oscar;Kofi;Ravi;Diego;Ivan;Yusuf;Kenji;"
     "Mateo;"
     "Lars;Jamal;Chen;Emil;Tariq;Pablo;Nils;Anton;Bao;Felix;Malik;Otto;Sven;Amir;Bruno;Henry;Ismael;Peter;Theo",
     "he/him/his/himself/boy"},
});
inline constexpr auto animals = std::to_array<People>({
    {"Dot;Bella;Daisy;Hazel;Molly;Poppy;Coco;Luna;Pearl;Clover;Mimi;Willow;Rosie;Tansy;Honey;Pepper;Maple;Velvet;"
     "Cherry;Nutmeg",
     "she/her/her/herself/<animal>"},
    {"Pip;Rusty;Bubbles;Toby;Buster;Nibbles;Fuzzy;Spot;Biscuit;Tumble;Barney;Gus;Moss;Chester;Patch;Acorn;Ziggy;Waldo;"
     "Snuffle;Bramble",
     "he/him/his/himself/<animal>"},
});

inline constexpr auto children_tables = std::to_array<Table>({
    {"parent/phe/phim/phis",
     "Mom/she/her/her;Dad/he/him/his;Mom/she/her/her;Dad/he/him/his;Grandma/she/her/her;Grandpa/he/him/his;"
     "Aunt May/she/her/her;Uncle Ned/he/him/his",
     Lasts::story},
    {"neighbor/nhe/nhim/nhis",
     "Mr. Brown/he/him/his;Mrs. Green/she/her/her;Mr. Hill/he/him/his;Mrs. Lake/she/her/her;Mr. Stone/he/him/his;"
     "Miss Wood/she/her/her;Mr. Garcia/he/him/his;Mrs. Kim/she/her/her;Mr. Okoro/he/him/his;Mrs. Silva/she/her/her;"
     "old Peter/he/him/his;old Martha/she/her/her",
     Lasts::story},
    {"home",
     "the sea;a small village;a wide river;an old mill;a quiet lake;a busy town;a sandy beach;a stone bridge;a windy "
     "hill;"
     "a train station;a lighthouse;a big farm;a green valley;the edge of a city;the school;a bakery;a vineyard;the "
     "fire station;a castle ruin;a tulip field",
     Lasts::story},
    {"hand/hands/feet/den/home-of/folk", "hand/hands/feet/room/house/children", Lasts::story},
    {"hobby",
     "read books;paint pictures;ride a bike;play the drum;help in the kitchen;build towers;fly kites;draw maps;"
     "write letters;visit the library;play soccer;sew little dolls"},
    {"place/at/spot",
     "the park/in the park/(under a bench|behind the swings|beside the pond|near the slide);"
     "the market/at the market/(under a table|behind a barrel|next to the apples|between two baskets);"
     "the playground/on the playground/(under the ladder|behind the gate|in the sand box|near the wall);"
     "the zoo/at the zoo/(near the monkeys|beside the elephant house|under a sign|behind the popcorn stand);"
     "the harbor/at the harbor/(behind a pile of nets|under an old boat|beside a big anchor|on the wooden steps);"
     "the fair/at the fair/(under the carousel|behind a tent|next to the ticket box|beside a hay bale)"},
});
inline constexpr auto animal_tables = std::to_array<Table>({
    {"parent/phe/phim/phis", "Mother/she/her/her;Father/he/him/his;Grandmother/she/her/her;Grandfather/he/him/his",
     Lasts::story},
    {"neighbor/nhe/nhim/nhis",
     "old Owl/he/him/his;Mrs. Goose/she/her/her;Mr. Toad/he/him/his;Mrs. Hen/she/her/her;Mr. Heron/he/him/his;"
     "old Turtle/she/her/her;Mr. Crow/he/him/his;Mrs. Duck/she/her/her;Mr. Mole/he/him/his",
     Lasts::story},
    {"home",
     "a green forest;a wide river;a tall hill;an old mill;a quiet lake;a dark wood;a stone bridge;a field of flowers;"
     "a waterfall;a berry patch;a hollow oak;a mossy rock;a bubbling spring;a blue mountain;a reedy marsh;an old "
     "orchard;a sunny glade;a beaver dam",
     Lasts::story},
    {"hand/hands/feet/den/home-of/folk", "paw/paws/paws/den/den/animals", Lasts::story},
    {"hobby",
     "chase butterflies;gather nuts;sniff the flowers;sleep in the sun;splash in the brook;dig holes;"
     "listen to the wind;roll in the leaves"},
});

inline constexpr std::string_view outdoors =
    "the garden/in the garden/(under the roses|behind the shed|between two pots|next to the fence);"
    "the forest/in the forest/(behind a log|under a pile of leaves|in a hollow tree|beside a mossy rock);"
    "the beach/on the beach/(behind a dune|between two rocks|near a tide pool|beside a row of shells);"
    "the river/by the river/(between two stones|under the bridge|in the tall reeds|beside an old boat);"
    "the farm/on the farm/(behind the barn|in the hay|under a cart|next to the hen house);"
    "the hill/on the hill/(in the long grass|behind a bush|under an oak tree|beside the path);"
    "the meadow/in the meadow/(among the daisies|under a thorn bush|beside a stream|near an ant hill);"
    "the lake/by the lake/(under a willow tree|behind a canoe|in the mud|near the dock);"
    "the orchard/in the orchard/(under a ladder|behind an apple tree|in a basket of pears|beside the well)";

/// For everybody. Things are singular, and can be carried.
inline constexpr auto tables = std::to_array<Table>({
    {"trait",
     "kind;brave;curious;cheerful;clever;quiet;shy;gentle;funny;friendly;lively;careful;busy;playful;thoughtful;calm;"
     "smart;silly;polite;stubborn;dreamy;helpful;merry;patient;daring;sensible;nimble;modest;loyal;impatient;jolly;"
     "forgetful",
     Lasts::story},
    {"hobby",
     "sing;dance;run;climb trees;count the stars;look at the clouds;listen to stories;jump in puddles;build things;"
     "tell jokes;play outside;ask questions;pick flowers;watch the birds;collect stones;swim;skip and hop;"
     "play hide and seek;make up songs;explore new places;roll down the hill;whistle;look for shells;ring bells;tell "
     "riddles;balance on walls;invent games;mix colors;imitate voices;hum;feed the ducks;skip stones across the water"},
    {"weather", "sunny;warm;bright;cool;fine;lovely;beautiful;mild;breezy;windy;cloudy"},
    {"colour", "red;blue;green;yellow;white;black;brown;pink;purple;orange;gray;golden;silver"},
    {"look", "shiny;little;pretty;lovely;tiny;special;wonderful;round;bright;old;smooth;striped;wooden;spotted"},
    {"toy",
     "ball;kite;book;hat;boat;drum;cup;lamp;box;scarf;ring;bell;whistle;doll;robot;puzzle;blanket;button;key;basket;"
     "flute;"
     "mask;spoon;umbrella;top;marble;lantern;necklace;feather;shell;glove;teddy bear;toy car;toy train;toy "
     "horse;picture;"
     "pencil;compass;ribbon;bracelet;pillow;puppet;music box;stone;coin;medal;bucket;map;magnet;candle;magnifying "
     "glass;acorn;clay bird;paper crane;snow globe;yo-yo;telescope;wooden duck;storybook;ladle;mirror;vase;cap;bow"},
    {"place/at/spot", outdoors},
    {"wild/out/nook", outdoors},
    {"food",
     "apple;cookie;sandwich;cupcake;muffin;pancake;pear;peach;banana;carrot;pie;bun;cake;waffle;pretzel;piece of "
     "cheese;"
     "loaf of bread;plum;bowl of berries;honey roll;corn cake;dumpling;slice of melon;spring roll;pot of yogurt;roll "
     "with jam;rice ball;fig;bag of cherries;mango;gingerbread man;pumpkin tart;bowl of noodles;baked "
     "potato;pomegranate"},
    {"game",
     "tag;hide and seek;catch;hopscotch;marbles;pirates;leapfrog;explorers;knights;follow the leader;statues;\"I "
     "spy\";blindman's buff;doctor;circus;shop;dominoes;musical chairs;cops and robbers;captain and crew"},
    {"bird", "robin;sparrow;dove;blackbird;finch;swallow;wren;starling;cuckoo;thrush;goldfinch;lark"},
    {"small",
     "ant;bee;beetle;ladybug;butterfly;cricket;moth;spider;grasshopper;snail;dragonfly;firefly;caterpillar;bumblebee"},
    {"number", "three;four;five;six;seven;ten"},
});

/// Rules that differ between children and animals.
inline constexpr auto children_rules = std::to_array<Rule>({
    {"friend", "{friend|[his] (friend|friend|best friend|good friend) [name2]|[name2]}"},
});
inline constexpr auto animal_rules = std::to_array<Rule>({
    {"friend", "{friend|[his] (friend|friend|best friend|good friend) [name2](| the [kind2])|[name2]}"},
    {"animal", "rabbit|fox|bear|mouse|squirrel|hedgehog|badger|beaver|raccoon|otter|mole|puppy|kitten|panda"},
});

}  // namespace stories

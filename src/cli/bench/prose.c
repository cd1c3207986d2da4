#include "cli/bench/texts.h"

#include <stddef.h>

const char *const bench_prose[] = {
    "The harbour wakes before the town does.",
    "At half past four the first boats come in past the lighthouse, low in the water and followed by gulls, "
    "and "
    "the men who meet them talk about the wind, the price of diesel and, when nobody from the office is "
    "near, the "
    "new rules for nets.",
    "By six the auction is over.",
    "What was alive an hour ago lies on ice in numbered boxes, and lorries are already climbing the hill "
    "towards "
    "the motorway.",
    "A bridge is a promise that has to be kept every day.",
    "Steel grows by about a centimetre per hundred metres when a cold night turns into a hot afternoon, so "
    "engineers leave gaps, cover them with toothed plates, and grease the bearings on which the deck creeps "
    "to and "
    "fro.",
    "Inspectors look for rust first, then for hairline cracks near the welds; a crack that is found at three "
    "millimetres costs a weekend, one that is found at thirty costs a summer.",
    "My grandmother baked on Saturdays.",
    "She never weighed anything: flour until the dough stopped sticking to her hands, salt from the palm, "
    "yeast "
    "dissolved in milk that was warm but not hot.",
    "When we asked for the recipe she laughed and said that the oven knew it.",
    "After her death we found a notebook with forty-one recipes, precise to the gram, in the handwriting of "
    "a "
    "schoolgirl.",
    "To return an article, print the label from your account, fasten it to the original box and hand the "
    "parcel "
    "in at any post office within 30 days.",
    "Refunds are paid to the card you used and usually arrive in three to five working days.",
    "If the item was damaged when it reached you, please send us a photograph first, because the carrier "
    "will "
    "otherwise refuse the claim.",
    "The patient, a 58-year-old teacher, reported tiredness and a dry cough that had lasted for six weeks.",
    "Blood pressure and temperature were normal; listening to the chest revealed fine crackles on the lower "
    "left "
    "side.",
    "An X-ray showed no sign of pneumonia, and after a change of medication the symptoms disappeared "
    "completely.",
    "Photosynthesis stores the energy of sunlight in sugar.",
    "Chlorophyll absorbs red and blue light and reflects green, which is why a forest looks the way it does "
    "from "
    "an aeroplane.",
    "Only about one or two per cent of the light that falls on a wheat field ends up in the grain, yet this "
    "thin "
    "stream feeds nearly everything that breathes.",
    "The committee met on 14 March and approved the minutes of its previous session.",
    "Members discussed the budget for street lighting, the complaints about noise near the stadium, and an "
    "offer "
    "to lease the old waterworks to a theatre group for a symbolic rent.",
    "A decision was postponed until the treasurer has compared the three bids.",
    "A cache is a wager that the past resembles the future.",
    "Programs that touch the same data again and again win it nearly always; programs that stream through "
    "gigabytes once lose it and would be faster without.",
    "Good designs let the second kind pass by, so that what the first kind needs remains where it is.",
    "He had learned chess from a library book and played like one, correctly and without surprise, until an "
    "elderly watchmaker on the third floor showed him that a sacrifice is an argument and not an accident.",
    "They played every Thursday for eleven years.",
    "Neither of them ever kept the score.",
    "In the mountains, weather is a local matter.",
    "Clouds pile up against the western ridge while the valley behind it lies in sunshine, and a "
    "thunderstorm can "
    "cross a pass faster than a well-trained hiker.",
    "Start early, tell somebody where you are going, and turn round when you first think of it, not when you "
    "have "
    "to.",
    "The museum owns more than nine thousand instruments, of which two hundred are on display.",
    "Harpsichords stand beside accordions, a glass harmonica beside a synthesizer from 1974, and on Sundays "
    "students play some of them, carefully, under the eyes of a restorer.",
    "Interest on the loan is calculated daily and charged at the end of each quarter.",
    "Should you wish to repay it before the agreed date, a fee of 0.5 per cent of the outstanding amount "
    "applies, "
    "unless the property is sold.",
    "Bees tell each other where to fly by dancing.",
    "The angle of the dance against the vertical gives the direction relative to the sun, its duration the "
    "distance, and the enthusiasm of the dancer the quality of what she has found.",
    "Nobody told them, said the detective, that the clock in the hall had stopped the night before.",
    "Everyone in the house had sworn to have heard it strike eleven.",
    "She put on her coat, thanked the housekeeper for the tea and asked to see the cellar.",
    NULL,
};

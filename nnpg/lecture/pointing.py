"""What to point at in each of the twelve steps, in this order, while it is shown."""

from __future__ import annotations

POINTS = (
    "The row of images, then the rows of circles from top to bottom: five maps, eight, ten, then twenty numbers and "
    "fifteen. Read their names aloud once, since every address begins with one of them: conv, tanh, pool, dense. "
    "Look at one map of the first block: what is still seen of the face? Then at one of the last block, in which "
    "nobody sees a face. Let them guess before anyone looks at the bars.",
    "The address: the name of the output, then the map, the row and the column, all counted from 0. Then the patch "
    "and the filter beside it: the same place in both is one product. Multiply the largest product aloud, and add "
    "the next one to it. The last lines of the table are the other terms together and the constant. At the terminal "
    "the same lines stand again, to be repeated at home.",
    "The bars: of all these numbers one has the delta 1, that of the class that we ask about. Choose another bar: "
    "the 1 moves there, and every delta of the network changes with it, while nothing of the forward pass does. "
    "Keep two words apart: the seed is what we put in, a delta is what comes out at each number.",
    "The two factors in the drawing: the y of the class that we ask about, and the y of the one whose score is "
    "moved. Find the minus sign in the formula before it is explained. Then choose the score of the class itself: "
    "its delta is positive, y times 1 minus y. Where y is close to 1, both are close to 0, because there is little "
    "left to gain. That is saturation.",
    "The table of the sum: a line for each unit that reads this number, with the delta of the reader and the weight "
    "between them. Multiply one line aloud. What would be missing without the others? Then the line of code: one "
    "product of matrices does this for all units and all images at once, and there is nothing else behind it.",
    "The window of four numbers, and the largest of them. Move the slider slowly: nothing happens for a while, then "
    "the number wins, and y begins to change. There the slope from the left and the one from the right differ. Look "
    "at the map of deltas before a pool and count: three of four are exactly 0.",
    "One reader after another in the drawing: when the reader is further to the right, the weight through which it "
    "reads is further to the left. So the filter is turned around, and that is no rule to be learned by heart. At "
    "the terminal the terms stand with their addresses: read two of them. Who has seen this sum before? It is that "
    "of step 2 with other numbers in it.",
    "Start the command first, since it takes a while. Move the slider, a little and then as far as it goes: the "
    "straight line is what was foretold, the other one is what happens, and far away they part. Then read one line "
    "of the report: the layer, its arrays, how many checks, the largest error. Of a wrong layer it would say the "
    "entry, both numbers and the likely cause.",
    "The weight in its filter, then the places where it is used: each has a delta and an input, and each product is "
    "one line of the sum. This is the third factor of Eq. 2, so all three have been seen now: the seed, the delta, "
    "and what the weight multiplies. Take a step of training on the page, look at what the loss does, and take it "
    "back.",
    "One person's diagram in the drawing, then another one's: the same circles, and another brightness. Read the "
    "strongest and the weakest filter of the table aloud. One number for a map takes two sums: the mean over the "
    "images first, then the root of the sum of squares. In the other order it would be another number. The second "
    "drawing shows what was summed, for one image.",
    "The bars of the first state: which one will grow? Then the second state: one filter of the first block is "
    "gone, and the maps below it have changed too, down to the answer. In the drawing, follow one curve from left "
    "to right, and then the other: the distance between them is what the ranking is worth. At the end all filters "
    "are gone, and the network gives one answer to everything.",
    "Both images, before it is said which of them is changed. Then the change itself and its scale. Move the slider "
    "of the size: the bars change their order long before the eye sees anything. The question that stays open: if "
    "the deltas say in which direction to go, what would a network have to do so that the way is as long as we "
    "expect?",
)

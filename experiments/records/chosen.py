"""The claims that README shows: about ten of each paper. All others are in docs/results.md."""

from __future__ import annotations

from typing import NamedTuple


class Chosen(NamedTuple):
    """A claim: its experiment, and the first of the paper's words; of the row's, where the paper's are not quoted."""

    id: str
    words: str
    measured: str = ""


CHOSEN = {
    "Lo & Ding 2015": (
        Chosen("LD-0", "an error rate of 4.88%"),
        Chosen("LD-2", "units with the highest gradients stay quite similar across different faces"),
        Chosen("LD-3", "identity 15's gradients are much higher than identity 14's"),
        Chosen("LD-4", "performance degrades much faster"),
        Chosen("LD-4", "after removing 10 weak features, the network still achieves less than 25% error"),
        Chosen("LD-4", "near 100% error after removing 10"),
        Chosen("LD-6", "the same performance reduction as removing the weaker half of all features"),
        Chosen("LD-9", "error (with respect to the target class dog) was very high (88%)"),
        Chosen("LD-11", "perturb any image ... to be misclassified as any other class with very little error"),
        Chosen("LD-14", "not nearly as effective as on the original pseudo-AlexNet"),
    ),
    "Lo 2016": (
        Chosen("TH-1", "", "random filters that respond more to edges than to brightness"),
        Chosen("TH-2", "indicate how much that unit a contributes to prediction y"),
        Chosen("TH-3", 'the image "concepts" learned at each layer'),
        Chosen("TH-3.2.1", "would simultaneously quantify two things"),
        Chosen("TH-4", "", "yale: cost of covering"),
        Chosen("TH-5", "", "yale: decrease of likeness by covering"),
        Chosen("TH-6", "some targets are easier to fool the classifier into believing than others"),
        Chosen("TH-6", "the former is easier than the latter"),
        Chosen("TH-P", "many other use cases for PG, for example in pruning neural networks"),
        Chosen("LOC-1", "the highest PG indicates which filter and region contributes most"),
    ),
    "Szegedy et al. 2013": (
        Chosen("SZ-1", "random projections are semantically indistinguishable from the coordinates"),
        Chosen("SZ-2", "random projections are semantically indistinguishable from the coordinates"),
        Chosen("SZ-4", "the images in the middle are not recognized"),
        Chosen("SZ-5", "a test error below 1.2% by keeping a pool of adversarial examples"),
        Chosen("SZ-5", "back-feeding adversarial examples to training might improve generalization"),
        Chosen("SZ-T1", "for each sample, we always manage to generate very close ... adversarial examples"),
        Chosen("SZ-T1", "average minimum distortion"),
        Chosen(
            "SZ-T2", "adversarial examples tend to stay hard even for models trained with different hyperparameters"
        ),
        Chosen("SZ-T4", "the adversarial examples remain hard for models trained even on a disjoint training set"),
        Chosen("SZ-F7", "still they are classified correctly in half of the cases"),
    ),
    "Hinthorn 2017": (
        Chosen("HI-0", "an accuracy rate of 99%"),
        Chosen("HI-2", "feature maps in deep hidden layers is generally indecipherable"),
        Chosen("HI-3", "concentrated assignment of blame over a layer"),
        Chosen("HI-5", "some volatile to the point of being selected every time"),
        Chosen("HI-6", "adversarial examples of similar associations might be easily generated"),
        Chosen("HI-7", "in 1/2-1/3 fewer steps"),
        Chosen("HI-7", "usually converging 2-3 times faster"),
        Chosen("HI-8", "a more robust memory for the original, expected image space"),
        Chosen("HI-T1", "the table's accuracy is above the control's"),
        Chosen("HI-10", "noise of increasing magnitude before being able to fool the network"),
    ),
}

"""What each paper's table or figure shows, after its caption, and in what our experiment differs from it.

The papers' pictures are not part of the project: these words stand for them on the cards of `gallery`.
"""

from __future__ import annotations

from typing import NamedTuple


class Shown(NamedTuple):
    """A table or figure of a paper: what it shows, and in what ours differs; "" where it differs in nothing known."""

    figure: str
    differs: str = ""


FACES = "The paper shows one network; ours are several, each trained anew on its own split."
CIFAR = "The paper's images are the original CIFAR-10; ours are re-compressed and in another order."
HARD = (
    "The paper has 208 pairs and one run of each variant; ours has a run from each of several base networks. The paper "
    "gives no size of the attack: ours is the one with which the control of a network that is not judged ends nearest "
    "to the paper's."
)
TWICE = " The control at twice the epochs is trained at the lower rate, of which the paper's words are."
HALF = (
    TWICE + " Half as many epochs as in Table 1, which are about as many steps, because fewer pairs are held out. Of "
    "the other readings only the mean over the group, since the grouping changes no other."
)
OTHERS = (
    " At paper scale also networks with a third convolution and for CIFAR-10, of 1,000 pairs each; the paper says "
    "nothing of their training."
)
ENDING = (
    " At paper scale five seeds, 128 images of each. Trainings end after 500 iterations where they have not converged "
    "by then; a record says how each ended."
)

SHOWN = {
    "LD-0": Shown(
        "Section IV: a network of 5, 8 and 10 filters learns the Yale faces for 250 epochs; error 4.88%, "
        "which is 2 of 41.",
        "The paper does not give its batch.",
    ),
    "LD-1": Shown(
        "Fig. 1: convolutional outputs for three images. Left three faces, right the filter outputs for "
        "each; rows are layers.",
        FACES,
    ),
    "LD-2": Shown(
        "Table II: prediction gradients for three images each from three identities, as diagrams of the "
        "network; each circle is a feature map, brighter for a higher gradient.",
        "The paper judges by eye; ours compares profiles by rank correlation. " + FACES,
    ),
    "LD-3": Shown(
        "Table III: five identities with their images, class gradients across the whole network, and the 8 "
        "strongest and 8 weakest filters of each with their gradients.",
        FACES,
    ),
    "LD-4": Shown(
        "Fig. 2: class error and overall error as the strongest (left) or the weakest (right) filters of "
        "five identities are knocked out one after another.",
        FACES,
    ),
    "LD-4R": Shown(
        "Fig. 2, with what it lacks: other rankings of the filters beside the paper's.",
    ),
    "LD-4V": Shown(
        "Sections III.C, III.D and V.B leave choices of the score open: each is judged by knock-out.",
    ),
    "LD-5": Shown(
        "Fig. 3: how the network misclassifies as the strongest filters of identity 7 are knocked out; "
        "lines are identities, rows the class that most of their images are taken for.",
        FACES,
    ),
    "LD-6": Shown(
        "Section VI: stability, robustness and imbalance, as observations in words.",
        FACES,
    ),
    "LD-7": Shown(
        "Section VII.A: the pseudo-AlexNet; 32.77% validation error and 34.19% test error.",
        CIFAR,
    ),
    "LD-8": Shown(
        "Section X.B: a perceptron of 500 tanh units; 55.17% validation error and 54.22% test error.",
        CIFAR,
    ),
    "LD-9": Shown(
        "Fig. 4: class-general perturbations on two images, a bird and a frog; the target class of both is dog.",
        "The paper says neither for how long its mask learned nor in which unit of pixels. At paper scale ours learns "
        "for 10,000 steps of 16 images (the network: 128), for each of ten targets on three networks, judged on 1,000 "
        "test images. " + CIFAR,
    ),
    "LD-10": Shown(
        "Fig. 5: (a) three images and their gradients of the prediction and of three outputs; (b) "
        "histograms of these gradients for each colour.",
        CIFAR,
    ),
    "LD-11": Shown(
        "Fig. 6: share of the training images that are classified as the target, as a function of eta from "
        "0 to 12750, a curve for each target.",
        "The paper does not give the unit of eta; ours is chosen on other networks. At paper scale 5,000 training "
        "images, half to choose and half to judge, on three networks of the paper's error; 1,000 on networks of its "
        "iterations and on converged ones, of which no claim is judged. " + CIFAR,
    ),
    "LD-12": Shown(
        "Fig. 7: top an image and its mask in the training set, middle an image of the validation set and "
        "its closest mask, bottom a mask of the training set applied to the perceptron.",
        "Larger images: the same ones with 16 and with 32 pixels a side. " + CIFAR,
    ),
    "LD-13": Shown(
        "Fig. 8 top: the same curves as Fig. 6, for images not trained on, each with the mask of its "
        "nearest training image.",
        "Some of the test images; other donors beside the nearest. " + CIFAR,
    ),
    "LD-14": Shown(
        "Fig. 8 bottom: the same curves as Fig. 6, for the perceptron on its training images.",
        "Masks are compared at equal root mean square; some of the training images. " + CIFAR,
    ),
    "TH-1": Shown(
        "Fig. 2.2: three activation functions. Fig. 2.3 and 2.4: the XOR problem, and a network of step "
        "units that solves it. Fig. 2.5: filters of 3 x 3 applied to an image.",
    ),
    "TH-2": Shown(
        "Fig. 3.2 and 3.3, from Simonyan et al.: the gradient by the pixels for images of ImageNet, and "
        "their saliency.",
        "Faces in place of ImageNet.",
    ),
    "TH-3": Shown(
        "Fig. 3.4, from Zeiler and Fergus: images that a deconvnet generates for filters of the second "
        "layer of AlexNet (left), and patches of images that activate the same filters most (right).",
        "Faces and net F in place of ImageNet and AlexNet; the plain gradient in place of the deconvnet's rule.",
    ),
    "TH-3.2.1": Shown(
        "Section 3.2.1, in words: the gradient of the loss would quantify two things at once.",
    ),
    "TH-4": Shown(
        "Fig. 4.3: a person and his most discriminating feature, his widow's peak; the outputs of the first "
        "layer; the prediction gradients of its units. The middle filter has the highest, at the widow's "
        "peak.",
        "The thesis shows one image; ours tests all of them on several networks.",
    ),
    "TH-5": Shown(
        "Fig. 4.4: the feature of one face that most makes it seem like another face, the right smile line; "
        "the first layer's outputs and gradients. The middle filter has the highest.",
        "The thesis shows one pair; ours tests all images on several networks.",
    ),
    "TH-6": Shown(
        "Fig. 4.5: faces and their perturbations for several step sizes. Fig. 4.6: success by target "
        "against the step. Fig. 4.7: error induced against the step.",
        "The thesis gives no length of a step; ours is the root mean square of the change.",
    ),
    "LOC-1": Shown(
        "No table or figure: section 4.3 takes the place of the highest gradient for the feature that "
        "decides. Here the truth is known.",
        "Drawn faces in place of photographs.",
    ),
    "TH-P": Shown(
        "Future work in section 4.5: pruning, without numbers.",
    ),
    "SZ-1": Shown(
        "Fig. 1: digits that maximise the activation of single units; Fig. 2: the same for random "
        "directions. A row for each unit or direction.",
        "The paper judges by eye and does not give its network; ours judges the purity of a row.",
    ),
    "SZ-2": Shown(
        "Fig. 3: images of ImageNet that stimulate single units of AlexNet most; Fig. 4: the same for "
        "random directions.",
        "Net A on CIFAR-10 in place of AlexNet on ImageNet. " + CIFAR,
    ),
    "SZ-3": Shown(
        "Fig. 5: images of ImageNet, the difference magnified ten times, and adversarial examples for "
        "AlexNet; average distortion of 64 examples 0.006508.",
        "Net A on CIFAR-10 in place of AlexNet on ImageNet, so no verdict follows; 64 images of each net. " + CIFAR,
    ),
    "SZ-4": Shown(
        "Fig. 6: cars that a classifier on features of QuocNet recognises, the same no longer recognised, "
        "and the magnified difference.",
        "A small autoencoder on patches of CIFAR-10 in place of QuocNet, whose weights and frames are not "
        "available: five networks, each of 50,000 patches and 400 features, and 64 cars of each. The "
        "search ends where the paper's does: the examples are not polished. " + CIFAR,
    ),
    "SZ-5": Shown(
        "Section 4.2: test error below 1.2% with a pool, 1.6% with weight decay, around 1.3% with dropout.",
        "The paper gives no settings: 8 of each method are tried, in 20 epochs, all at one learning rate.",
    ),
    "SZ-T1": Shown(
        "Table 1: six models with their weight decay, training error, test error and average minimum distortion.",
        "The paper does not say how its decay enters the loss: the reading is compared with three others on images "
        "that are held out: 10,000 of each, in at most 300 iterations. "
        "It gives no targets, so there are random and untargeted ones, and no settings of the "
        "autoencoder; at paper scale ours learns from 10,000 images in 300 iterations." + ENDING,
    ),
    "SZ-T2": Shown(
        "Table 2: error of each of six models on the distorted examples of each, and on two sizes of Gaussian noise.",
        "Nearly all cells of the paper are shares of 256 images; ours are means over several networks, each with other "
        "images. The autoencoder learns its features from 10,000 images." + ENDING,
    ),
    "SZ-T3": Shown(
        "Table 3: three models trained on halves P1 and P2: errors on P1, P2 and the test set, and minimum distortion.",
        "Each seed divides the training images anew." + ENDING,
    ),
    "SZ-T4": Shown(
        "Table 4: error of each of the three models on the distorted test images of each, as found and "
        "enlarged to 0.1, and on noise.",
        "The paper's formula divides by the L2 norm; only the root mean square gives its 0.1, and ours is that."
        + ENDING,
    ),
    "SZ-T5": Shown(
        "Table 5: lower and upper frame bound of each layer of AlexNet.",
        "The weights of AlexNet are not at hand: random ones in its shape, so no verdict follows from them; "
        "the printed formula of strided layers is wrong, and ours is the corrected one. Of our own networks one of "
        "each kind, with the changes of 256 images; the autoencoder learns its features from 10,000 images.",
    ),
    "SZ-F7": Shown(
        "Fig. 7: (a) even columns adversarial for a linear classifier, accuracy 0%; (b) the same for a "
        "200-200-10 network; (c) digits in Gaussian noise of standard deviation 1, accuracy 51%.",
        "The paper does not say which network classifies the noisy digits: all six are tested." + ENDING,
    ),
    "HI-0": Shown(
        "Sections 2.2 and 5: the base network, 99% accuracy after 100 epochs.",
    ),
    "HI-1": Shown(
        "Fig. 1 and 2: an image, its perturbation and the sum, taken for a cardigan. Fig. 8: five digits, "
        "and their adversarial images below.",
        "Digits only. The least distortion, as Szegedy et al. define it; the paper limits the norm instead.",
    ),
    "HI-2": Shown(
        "Fig. 9: feature maps of deep hidden layers, viewed directly.",
    ),
    "HI-3": Shown(
        "Fig. 10: activations of the fully connected layer for images and their adversarial images.",
    ),
    "HI-4": Shown(
        "Fig. 11: averaged activations of the second convolution projected to the image: originals, "
        "adversarial images, difference. Fig. 12: the projections of single units for zeros taken for "
        "nines.",
        "The captions of the two figures are exchanged in the paper.",
    ),
    "HI-5": Shown(
        "Fig. 13: how often each unit of a layer is selected during selective dropout.",
        HARD + OTHERS,
    ),
    "HI-6": Shown(
        "Section 5.2, in words: the most volatile units of a perturbation group.",
    ),
    "HI-7": Shown(
        "Abstract and section 5.6, in words: 1/2 to 1/3 fewer steps; 2 to 3 times faster.",
        HARD,
    ),
    "HI-8": Shown(
        "Abstract and section 5.6, in words: the control ends around 98% on the originals.",
        HARD,
    ),
    "HI-9": Shown(
        "Section 6, future work: a share of units that grows exponentially while training.",
        HARD + OTHERS + " The paper gives no rate of growth; ours is one, at the lower learning rate, of one share.",
    ),
    "HI-10": Shown(
        "Section 6.3, future work: rounds of an adaptive adversary against the network.",
        "52 images a round, a quarter of the paper's 208 pairs, one learning rate, and one share for each layer.",
    ),
    "HI-T1": Shown(
        "Table 1: accuracy on held-out adversarial images, groups of source and target, for shares .2, .5 "
        "and .7 of two layers at two learning rates.",
        HARD + TWICE + " The other readings are trained at that rate too, with the smallest share.",
    ),
    "HI-T2": Shown(
        "Table 2: the same as Table 1, with groups of the original label.",
        HARD + HALF,
    ),
    "HI-T3": Shown(
        "Table 3: the same as Table 1, with groups of the target label.",
        HARD + HALF,
    ),
}

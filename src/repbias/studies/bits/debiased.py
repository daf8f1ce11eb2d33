"""Debiased: what do similarity, components, clusters and classifiers show once the bias is removed?

The networks are those of `rsa`. In networks that report both features, a linear map of the units makes both features
explain the same share of the last hidden layer, and every method is applied before and after it. The map uses no
labels when it is applied, so it cannot add anything to the layer that the layer does not contain.
"""

from repbias.experiments import Analysis, Claim, Level, Study, favours, quick_and_full
from repbias.studies.bits.rsa import CONDITIONS, KINDS

ONE = ("r2", "r2_component_1", "ari_2", "sides_with")
BOTH = {"reports": ("both",)}

STUDY = Study(
    name="debiased",
    title="Without the bias",
    question="What do the usual methods show once every feature explains the same share of the layer?",
    conditions=CONDITIONS,
    scales=quick_and_full(seeds=(6, 20)),
    analysis=Analysis(
        function="repbias.analyses.debiased:analyse",
        of="study",
        measures=tuple(f"{name}_{when}" for name in (*ONE, "rsa", "cka") for when in ("equalized", "change")),
        features=(*KINDS, "own kind"),
        settings={"equalized": "both", "stimuli": 256, "resamples": 200},
        pairs={
            "rsa": "RSA",
            "cka": "CKA, linear, debiased",
            "rsa_equalized": "RSA, shares equalised in “both”",
            "cka_equalized": "CKA, shares equalised in “both”",
        },
    ),
    claims=(
        favours(
            "equal shares",
            "After the map both features explain the same share of variance on stimuli it was not fitted on",
            measure="r2_equalized",
            where=BOTH,
            sesoi=0.05,
            test="equivalence",
        ),
        favours(
            "components",
            "The leading component comes to show less of the easy feature, as against the hard one",
            measure="r2_component_1_change",
            pair=("hard", "easy"),
            where=BOTH,
            sesoi=0.1,
        ),
        favours(
            "clusters",
            "Two clusters come to follow the easy feature less, as against the hard one",
            measure="ari_2_change",
            pair=("hard", "easy"),
            where=BOTH,
            sesoi=0.1,
        ),
        favours(
            "reliance",
            "A nearest-mean classifier comes to side less with the easy feature",
            measure="sides_with_change",
            pair=("hard", "easy"),
            where=BOTH,
            sesoi=0.2,
        ),
        *(
            favours(
                f"{name}",
                f"By {name}, networks that report both move from those that report the easy feature towards "
                "those that report the hard one",
                measure=f"{measure}_change",
                pair=("hard network", "easy network"),
                where=BOTH,
                sesoi=0.05,
            )
            for measure, name in (("rsa", "RSA"), ("cka", "CKA"))
        ),
        Claim(
            id="same task",
            statement="By RSA, two networks that report both come to look more alike",
            contrast=Level(measure="rsa_change", of=("both network",), criterion=()),
            where=BOTH,
            test="sign",
            sesoi=0.05,
        ),
    ),
    notes=(
        "The map stretches or shrinks each feature's directions (the span of its class means, estimated on "
        "validation stimuli) so that all features explain the same variance and their total is unchanged. The rest "
        "of the layer, which no feature explains, stays as it is: the features' inputs and nonlinear remainders keep "
        "their shares.",
        "Networks in which the hard feature is too weak for its direction to be distinguished from noise are left "
        "out; n shows how many remain.",
        "Equal shares are one way to look at the layer, not its true state: they show what a method would find if "
        "all features explained the same variance.",
    ),
)

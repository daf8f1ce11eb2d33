"""Autoencoder: does a sparse autoencoder of a layer find the easy and the hard feature?

The networks are those of `complexity`. A TopK sparse autoencoder learns a dictionary for the last hidden layer, of 8
to 256 latents of which 4 are active at a time. Asked is whether one latent stands for each feature.
"""

from repbias.experiments.analysis import Analysis
from repbias.experiments.contrasts import FeatureDifference, Level
from repbias.experiments.study import Claim, Scale, Study
from repbias.studies.bits.complexity import NETWORKS, conditions_with

SIZES = (8, 16, 32, 64, 128, 256)

STUDY = Study(
    name="autoencoder",
    title="Sparse autoencoder",
    question="Does a sparse autoencoder of a layer find the easy and the hard feature?",
    conditions=conditions_with("XOR2", "parity3"),
    scales={
        "quick": Scale(conditions=tuple(f"parity3, {network}" for network in NETWORKS), seeds=4),
        "full": Scale(seeds=20),
    },
    analysis=Analysis(
        function="repbias.analyses.unsupervised:autoencoders",
        measures=(*(f"auroc_{size}" for size in SIZES), "auroc_units"),
        settings={"sizes": list(SIZES), "active": 4, "steps": 1500},
        curves={
            "auroc": ("latents", "AUROC of the best latent; R2 reconstructed"),
            "latents": ("latents", "latents with an AUROC above .9"),
        },
    ),
    claims=(
        Claim(
            id="easy latent",
            statement="With 64 latents, one of them stands for the easy feature",
            strength="C",
            contrast=Level(measure="auroc_64", of=("easy",), criterion=("easy",)),
            sesoi=0.9,
        ),
        Claim(
            id="hard latent",
            statement="With 64 latents, one of them stands for the hard feature",
            strength="C",
            contrast=Level(measure="auroc_64", of=("hard",), criterion=("hard",)),
            sesoi=0.9,
        ),
        Claim(
            id="dictionary bias",
            statement="With 64 latents, the best latent tells the easy feature better than the best tells the hard one",
            strength="C",
            contrast=FeatureDifference(measure="auroc_64", more="easy", less="hard"),
            sesoi=0.05,
        ),
        Claim(
            id="small dictionary",
            statement="With 8 latents, the best latent tells the easy feature better than the best tells the hard one",
            strength="C",
            contrast=FeatureDifference(measure="auroc_8", more="easy", less="hard"),
            sesoi=0.05,
        ),
    ),
    notes=(
        "The question is one that readers of the paper asked. Sizes, sparsity and steps of training are our choice. "
        "The latent is chosen on validation stimuli, on which the dictionary is trained, and scored on test stimuli.",
        "An AUROC of .5 says that the latent tells nothing of the feature, 1 that it tells it without error.",
    ),
)

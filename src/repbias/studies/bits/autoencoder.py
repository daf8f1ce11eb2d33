"""Autoencoder: does a sparse autoencoder of a layer find the easy and the hard feature?

The networks are those of `complexity`. A TopK sparse autoencoder learns a dictionary of the last hidden layer, with 8
to 256 latents of which 4 are active for each stimulus. For each feature, the study measures how well the best single
latent separates its two classes.
"""

from repbias.experiments import Analysis, Claim, Level, Study, favours
from repbias.studies.bits.complexity import STUDY as COMPLEXITY
from repbias.studies.bits.complexity import conditions_with

SIZES = (8, 16, 32, 64, 128, 256)

STUDY = Study(
    name="autoencoder",
    title="Sparse autoencoder",
    question="Does a sparse autoencoder of a layer find the easy and the hard feature?",
    conditions=conditions_with("XOR2", "parity3"),
    scales=COMPLEXITY.scales,
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
        *(
            Claim(
                id=f"{feature} latent",
                statement=f"With 64 latents, one of them stands for the {feature} feature",
                contrast=Level(measure="auroc_64", of=(feature,), criterion=(feature,)),
                sesoi=0.9,
            )
            for feature in ("easy", "hard")
        ),
        *(
            favours(
                id,
                f"With {size} latents, the best latent tells the easy feature better than the best tells the hard one",
                measure=f"auroc_{size}",
                sesoi=0.05,
            )
            for id, size in (("dictionary bias", 64), ("small dictionary", 8))
        ),
    ),
    notes=(
        "Readers of the paper asked this question. The sizes, the sparsity and the training steps of the autoencoder "
        "are our choice. For each feature, the best latent is chosen on validation stimuli, on which the dictionary "
        "is also trained, and scored on test stimuli.",
        "An AUROC of .5 means that the latent carries no information about the feature; an AUROC of 1 means that it "
        "separates the classes without error.",
    ),
)

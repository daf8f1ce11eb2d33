"""Vision, stage by stage: where between image and pooling layer do colour and shape gain and lose their shares?

The networks are the convolutional ones of `vision` that Adam trains. Each stage is read after the mean over space
during training and, once training has ended, also before it, channel by channel.
"""

from repbias.experiments import Analysis, Claim, Effects, FeatureDifference, LayerSlope, Study
from repbias.studies.images import NOTE
from repbias.studies.images.vision import LIMIT, PLAIN, RESIDUAL
from repbias.studies.images.vision import STUDY as VISION

NUISANCES = ("position", "rotation")
RANKED = ("channel, from the highest R2 down", "R2 of a channel")
CONVOLUTIONAL = tuple(
    c for c in VISION.conditions if c.factors["optimizer"] == "Adam" and c.factors["network"] in (RESIDUAL, PLAIN)
)

STUDY = Study(
    name="vision_layers",
    title="Vision, stage by stage",
    question="How do the shares of colour and shape change from stage to stage?",
    domain="images",
    conditions=CONVOLUTIONAL,
    scales=VISION.scales,
    analysis=Analysis(
        function="repbias.analyses.channels:analyse",
        measures=("map_r2", "map_participation", "map_density_0.05", "map_density_0.1", "map_density_0.25"),
        features=NUISANCES,
        settings={"factors": list(NUISANCES)},
        curves={"channels of the map": RANKED, "channels of the mean over space": RANKED},
    ),
    claims=(
        Claim(
            id="first stage",
            illuminates="C12",
            statement="The first stage favours colour, whatever the last one favours",
            contrast=FeatureDifference(measure="r2", more="colour", less="shape", layer="stage.0.mean"),
            sesoi=0.05,
        ),
        Claim(
            id="C22",
            statement="The balance moves from colour to shape from the first stage to the pooling layer",
            contrast=LayerSlope(measure="r2", more="shape", less="colour"),
            sesoi=0.01,
        ),
    ),
    effects=(
        Effects(
            contrast=FeatureDifference(measure="map_r2", more="colour", less="shape"),
            factors=("wiring", "norm"),
            where={"network": (RESIDUAL,)},
            sesoi=0.05,
        ),
    ),
    notes=(
        NOTE,
        f"Here training takes at most {LIMIT:,} steps, as in `vision`, where the networks come from.",
        "The study reads the mean over space of each stage's feature map; for the last stage this is the pooling "
        "layer. Before pooling, channels are read at every place of the map. `map_r2` of a layer is the R2 of the "
        "map whose mean the layer holds, and `map_density` is the share of its channels with an R2 above the number "
        "in its name.",
        "Position (4 cells) and rotation (4 bins) of the object are measured beside the features, but networks do "
        "not report them.",
    ),
)

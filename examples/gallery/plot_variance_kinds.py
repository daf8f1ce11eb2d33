"""
Linear effects, splines and harmonics
=====================================

The units prefer medium speeds and one direction each. A linear effect of speed and one harmonic of direction explain
less than a curved effect and four harmonics.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
speed, direction = rng.uniform(0, 60, 1000), rng.uniform(0, 360, 1000)  # of 1,000 stimuli
to_speed = np.exp(-(((speed[:, None] - rng.uniform(20, 40, 40)) / 15) ** 2))
to_direction = np.exp(3 * np.cos(np.deg2rad(direction[:, None] - rng.uniform(0, 360, 40))) - 3)
units = to_speed + to_direction + 0.3 * rng.normal(size=(1000, 40))
result = repbias.variance_explained(units, {
    "speed, linear": repbias.continuous(speed), "speed, splines": repbias.continuous(speed, basis="spline"),
    "direction, 1 harmonic": repbias.circular(direction, period=360),
    "direction, 4 harmonics": repbias.circular(direction, period=360, harmonics=4),
})  # fmt: skip
print(result)
result.plot()

"""Measures: functions of arrays that quantify how a representation represents features."""

from repbias.measures.variance.density import Density as Density
from repbias.measures.variance.density import density as density
from repbias.measures.variance.explained import variance_explained as variance_explained
from repbias.measures.variance.fitter import VarianceExplained as VarianceExplained
from repbias.measures.variance.fitter import VarianceFitter as VarianceFitter

__all__ = ["Density", "VarianceExplained", "VarianceFitter", "density", "variance_explained"]

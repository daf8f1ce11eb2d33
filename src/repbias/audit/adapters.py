"""Recordings of xarray and rsatoolbox, with their labels, as arguments of the audit.

Neither library is imported: objects are recognised by their attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.core.specs import did_you_mean

AnyArray = npt.NDArray[Any]
Columns = dict[str, AnyArray]
LabelColumn = AnyArray | pd.Series


def from_xarray(
    data: Any,
    features: Sequence[str],
    *,
    stimulus: str = "presentation",
    layer: str | None = None,
    groups: str | None = None,
    repeats: str | None = None,
    blocks: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Return the arguments of `audit_arrays` for an xarray `DataArray` or `Dataset`.

    Parameters
    ----------
    data : a `DataArray`, such as an assembly of Brain-Score, with a dimension of stimuli and one of units, in any
        order; further dimensions must have size 1. Or a `Dataset`: each variable with a dimension of units is a layer.
    features : names of coordinates along the dimension of stimuli that hold class labels. In a `Dataset`, variables
        along that dimension may be named too.
    stimulus : name of the dimension of stimuli.
    layer : name of a coordinate along the dimension of units that says to which layer each unit belongs, such as
        "region". By default all units form one layer, which has the name of the array.
    groups, repeats, blocks, order : names of coordinates along the dimension of stimuli; see `audit_arrays`.

    Returns
    -------
    A dict of `arrays`, `features` and, where named, `groups`, `repeats`, `blocks` and `order`; labels keep the index
    of the stimuli.

    Raises
    ------
    ValueError : a dimension or coordinate does not exist, there is a further dimension such as time, or a unit has no
        layer.
    TypeError : data is neither a `DataArray` nor a `Dataset`.

    When not to use it: for activity over time. Select one time or average over time first.

    Examples
    --------
    >>> import numpy as np, repbias, xarray
    >>> assembly = xarray.DataArray(
    ...     np.ones((4, 3)), dims=("presentation", "neuroid"),
    ...     coords={"shape": ("presentation", list("abab")), "region": ("neuroid", ["V4", "V4", "IT"])},
    ... )
    >>> arguments = repbias.from_xarray(assembly, ["shape"], layer="region")
    >>> {name: tuple(values.shape) for name, values in arguments["arrays"].items()}
    {'V4': (4, 2), 'IT': (4, 1)}

    ``repbias.audit_arrays(**arguments)`` audits them.
    """
    if not all(hasattr(data, name) for name in ("dims", "coords", "variables" if _is_set(data) else "values")):
        raise TypeError(f"data must be an xarray DataArray or Dataset, got {type(data).__name__}")
    if stimulus not in data.dims:
        dims = [str(dim) for dim in data.dims]
        raise ValueError(
            f"the dimension of stimuli is called {stimulus!r}, data has {dims}; {did_you_mean(stimulus, dims)} "
            "Name it by stimulus="
        )
    sources = data.variables if _is_set(data) else data.coords
    known: dict[str, LabelColumn] = {
        str(name): data[name].values for name, one in sources.items() if one.dims == (stimulus,)
    }
    if (index := data.indexes.get(stimulus)) is not None:  # kept, so that labels from elsewhere can be compared with it
        known = {name: pd.Series(values, index=index) for name, values in known.items()}
    rows = {"groups": groups, "repeats": repeats, "blocks": blocks, "order": order}
    labels = _labels(known, features, rows, f"coordinates along {stimulus!r}")
    if not _is_set(data):
        return {"arrays": _layers_of_units(data, stimulus, layer), **labels}
    if layer is not None:
        raise ValueError(
            f"the layers of a Dataset are its variables, got layer={layer!r}: leave layer out, or give one variable, "
            "a DataArray"
        )
    layers = {
        str(name): _matrix(_squeezed(one, stimulus), stimulus)
        for name, one in data.data_vars.items()
        if one.dims != (stimulus,)
    }
    if not layers:
        raise ValueError(f"no variable of the Dataset has {stimulus!r} and a dimension of units: there is no layer")
    return {"arrays": layers, **labels}


def from_rsatoolbox(
    dataset: Any,
    features: Sequence[str],
    *,
    layer: str | None = None,
    groups: str | None = None,
    repeats: str | None = None,
    blocks: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Return the arguments of `audit_arrays` for an rsatoolbox `Dataset`.

    Parameters
    ----------
    dataset : a `Dataset` with measurements `[observation, channel]`.
    features : names of the observation descriptors that hold class labels.
    layer : name of a channel descriptor that says to which layer each channel belongs, such as "roi". By default all
        channels form one layer, "measurements".
    groups, repeats, blocks, order : names of observation descriptors; see `audit_arrays`.

    Returns
    -------
    A dict of `arrays`, `features` and, where named, `groups`, `repeats`, `blocks` and `order`.

    Raises
    ------
    ValueError : a descriptor does not exist, or a channel has no layer.
    TypeError : dataset is a `TemporalDataset`, or no `Dataset` at all.

    When not to use it: for several data sets with different observations. Audit one at a time.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> from rsatoolbox.data import Dataset
    >>> dataset = Dataset(np.ones((4, 3)), obs_descriptors={"shape": list("abab")})
    >>> sorted(repbias.from_rsatoolbox(dataset, ["shape"]))
    ['arrays', 'features']

    Give the result to the audit, as in ``repbias.audit_arrays(**repbias.from_rsatoolbox(dataset, ["shape"]))``.
    """
    needed = ("measurements", "obs_descriptors", "channel_descriptors")
    if not all(hasattr(dataset, name) for name in needed):
        raise TypeError(f"dataset must be an rsatoolbox Dataset, got {type(dataset).__name__}: give one at a time")
    if hasattr(dataset, "time_descriptors"):
        raise TypeError(
            "dataset must be a Dataset, [observation, channel], got a TemporalDataset: choose times with subset_time, "
            "average them with bin_time, then make each time a Dataset with convert_to_dataset"
        )
    known = {str(name): np.asarray(values) for name, values in dataset.obs_descriptors.items()}
    rows = {"groups": groups, "repeats": repeats, "blocks": blocks, "order": order}
    labels = _labels(known, features, rows, "observation descriptors")
    measured = np.asarray(dataset.measurements)
    if layer is None:
        return {"arrays": {"measurements": measured}, **labels}
    of_channels = {str(name): np.asarray(values) for name, values in dataset.channel_descriptors.items()}
    of_layer = np.asarray(_named(of_channels, layer, "layer", "channel descriptors"))
    return {"arrays": _split(measured, of_layer, layer), **labels}


def _is_set(data: Any) -> bool:
    return hasattr(data, "data_vars")


def _matrix(data: Any, stimulus: str) -> AnyArray:
    """Return the values of a `DataArray` as `[stimulus, unit]`."""
    dims = [str(dim) for dim in data.dims]
    name = f" {data.name!r}" if data.name is not None else ""
    if stimulus not in dims or len(dims) < 2:
        raise ValueError(
            f"the array{name} must have the dimension {stimulus!r} and one of units, got {dims}: give it both, or "
            "leave it out"
        )
    if len(dims) > 2:
        time = next((dim for dim in dims if "time" in dim.lower() and dim != stimulus), "time")
        raise ValueError(
            f"the array{name} must have two dimensions, {stimulus!r} and one of units, got {dims}: select from any "
            f"other, as in data.isel({time}=0), or average over it, as in data.mean({time!r})"
        )
    return np.asarray(data.transpose(stimulus, ...).values)


def _squeezed(data: Any, stimulus: str) -> Any:
    """Drop dimensions of size 1 from a `DataArray` of more than two dimensions, until two are left."""
    single = [dim for dim, size in data.sizes.items() if size == 1 and dim != stimulus]
    single.sort(key=lambda dim: "time" not in str(dim).lower())
    return data.squeeze(single[: max(len(data.dims) - 2, 0)])


def _layers_of_units(data: Any, stimulus: str, layer: str | None) -> Columns:
    """Return the layers of a `DataArray`, each `[stimulus, unit]`."""
    data = _squeezed(data, stimulus)
    values = _matrix(data, stimulus)
    if layer is None:
        return {"activity" if data.name is None else str(data.name): values}
    (units,) = (dim for dim in data.dims if dim != stimulus)
    known = {str(name): one.values for name, one in data.coords.items() if one.dims == (units,)}
    return _split(values, np.asarray(_named(known, layer, "layer", f"coordinates along {str(units)!r}")), layer)


def _split(values: AnyArray, of_layer: AnyArray, layer: str) -> Columns:
    """Return the units of each layer, layers in the order of their first unit."""
    missing = np.asarray(pd.isna(of_layer)) | np.array([str(name).strip() == "" for name in of_layer])
    if missing.any():
        raise ValueError(
            f"every unit must have a {layer!r}, {int(missing.sum())} of {len(missing)} have none, the first is unit "
            f"{int(missing.argmax())}: name it, or drop those units"
        )
    names = np.array([str(name) for name in of_layer])
    return {name: values[:, names == name] for name in dict.fromkeys(names.tolist())}


def _labels(
    known: Mapping[str, LabelColumn], features: Sequence[str], rows: Mapping[str, str | None], what: str
) -> dict[str, Any]:
    """Return `features`, and what is named in `rows`: groups, repeats, blocks or order."""
    if isinstance(features, str) or not isinstance(features, Sequence):
        raise TypeError(f"features must be a list of names of {what}, got {features!r}: write [{str(features)!r}]")
    if not features:
        raise ValueError(f"features must name one or more of the {what}, got none; {did_you_mean('', known)}")
    repeated = sorted({name for name in features if list(features).count(name) > 1}, key=str)
    if repeated:
        raise ValueError(f"features must differ from one another, got {repeated} more than once: name each once")
    given = {role: name for role, name in rows.items() if name is not None}
    return {
        "features": {name: _named(known, name, "features", what) for name in features},
        **{role: _named(known, name, role, what) for role, name in given.items()},
    }


def _named(known: Mapping[str, LabelColumn], name: str, role: str, what: str) -> LabelColumn:
    """Return the values of one name, or raise and suggest the nearest name."""
    if not isinstance(name, str):
        raise TypeError(f"{role} must be given by name, as text, got {type(name).__name__}: name one of the {what}")
    if name not in known:
        raise ValueError(f"{role} names {name!r}, which is not among the {what}; {did_you_mean(name, known)}")
    return known[name]

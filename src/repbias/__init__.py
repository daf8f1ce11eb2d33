"""repbias: what does a representation over- and under-represent, and why?

The public names are listed once, in `__init__.pyi`, and loaded when they are first used, so that importing the package
costs next to nothing.
"""

import lazy_loader

import repbias.audit  # noqa: F401
from repbias.core import VERSION

__version__ = VERSION
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# `repbias.audit` is the function. Importing the package of that name puts the package in its place, but only the first
# time: that is done above, and undone here.
del audit  # noqa: F821

"""Raise `LinAlgError` for singular matrices, for which NumPy returns NaN in a browser.

NumPy reads the error from a floating-point register of the processor, which WebAssembly does not
have, so that `numpy.linalg.inv` of a singular matrix is full of NaN. A NumPy that raises the error
itself is not affected.

See Also
--------
https://github.com/pyodide/pyodide/issues/4859 : the fault, and NumPy's own change for it.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

_MESSAGES = {
    "inv": "Singular matrix",
    "solve": "Singular matrix",
    "cholesky": "Matrix is not positive definite",
}


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace functions of ``numpy.linalg`` by ones that raise `numpy.linalg.LinAlgError`."""
    for name, message in _MESSAGES.items():
        raising = _raising(getattr(module, name), message, module.LinAlgError)
        patches.set(module, name, raising)
        # Other functions of NumPy look it up there.
        patches.set(module._linalg, name, raising)


def _raising(
    function: Callable[..., Any], message: str, error: type[Exception]
) -> Callable[..., Any]:
    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        import numpy as np

        result = function(*args, **kwargs)
        values = np.asarray(result)
        filled = np.isnan(values).all(axis=(-2, -1) if values.ndim > 1 else None)
        # NaN in the arguments may fill the result as well.
        arguments = [*args, *kwargs.values()]
        if values.size and filled.any() and all(np.isfinite(each).all() for each in arguments):
            raise error(message)
        return result

    return checked

"""NumPy says that a matrix has no inverse, where it would go on with NaN.

NumPy notes the error in a register of the processor, which WebAssembly does not have, so that
`numpy.linalg.inv` of a singular matrix is full of NaN in a browser. A NumPy that raises by
itself is not in the way of this.

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

_SAID = {
    "inv": "Singular matrix",
    "solve": "Singular matrix",
    "cholesky": "Matrix is not positive definite",
}


def adapt(module: ModuleType, patches: Patches) -> None:
    """Have the functions of ``numpy.linalg`` raise `numpy.linalg.LinAlgError`."""
    for name, said in _SAID.items():
        raising = _raising(getattr(module, name), said, module.LinAlgError)
        patches.set(module, name, raising)
        # NumPy's other functions have it from there.
        patches.set(module._linalg, name, raising)


def _raising(function: Callable[..., Any], said: str, error: type[Exception]) -> Callable[..., Any]:
    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        import numpy as np

        result = function(*args, **kwargs)
        values = np.asarray(result)
        filled = np.isnan(values).all(axis=(-2, -1) if values.ndim > 1 else None)
        # One that came with NaN in it may be filled with it, too.
        given = [*args, *kwargs.values()]
        if values.size and filled.any() and all(np.isfinite(each).all() for each in given):
            raise error(said)
        return result

    return checked

"""Make ``import turtle`` import `je_kernel.turtle`: one module under both names.

Pyodide leaves ``turtle`` out of Python's standard library, for it draws with Tk.
"""

import sys

from je_kernel import turtle

sys.modules[__name__] = turtle

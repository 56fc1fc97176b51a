"""A small package of shapes."""
from .circle import Circle
from .square import Square

__all__ = ["Circle", "Square"]

"""Small functions for the geometry lesson."""
import math


def hypotenuse(a, b):
    return math.hypot(a, b)


def triangle_area(a, b, c):
    s = (a + b + c) / 2
    return math.sqrt(s * (s - a) * (s - b) * (s - c))

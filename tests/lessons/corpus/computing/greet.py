"""Greets, and counts letters; run it with %run."""
import collections
import sys

import numpy as np

name = sys.argv[1] if len(sys.argv) > 1 else "World"
print(f"Hello {name}!")
letters = collections.Counter(name.lower())
print("letters:", sorted(letters.items()))
lengths = np.array([len(word) for word in name.split()])
print("mean word length:", lengths.mean())

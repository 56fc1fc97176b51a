# Makes volcanoes.csv; run it from the notebook with %run
import numpy as np
import pandas as pd

rng = np.random.default_rng(4)
table = pd.DataFrame({
    "lat": rng.uniform(-60, 60, 80).round(2),
    "lon": rng.uniform(-180, 180, 80).round(2),
    "height": rng.gamma(4, 500, 80).round(),
})
table.to_csv("volcanoes.csv", index=False)
print("wrote", len(table), "volcanoes")

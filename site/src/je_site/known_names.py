"""Tables of package names: which package has a module, and which package to use instead.

Most modules have the name of their package, and Pyodide's lock states the modules of its
packages. These tables are for others that lessons import. They are hints: a package is
locked for a module only if its wheel contains the module.
"""

from __future__ import annotations

__all__ = ["ALTERNATIVES", "DISTRIBUTIONS"]

#: The package of a module whose name differs. A dotted name stands for that part only.
DISTRIBUTIONS = {
    "Levenshtein": "levenshtein",
    "OpenGL": "pyopengl",
    "barcode": "python-barcode",
    "community": "python-louvain",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fpdf": "fpdf2",
    "github": "pygithub",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.storage": "google-cloud-storage",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "googleapiclient": "google-api-python-client",
    "imblearn": "imbalanced-learn",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "mpl_toolkits.basemap": "basemap",
    "mysql": "mysql-connector-python",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pygame": "pygame-ce",
    "rpy2": "rpy2",
    "serial": "pyserial",
    "skfuzzy": "scikit-fuzzy",
    "skopt": "scikit-optimize",
    "slugify": "python-slugify",
    "speech_recognition": "speechrecognition",
    "sql": "ipython-sql",
    "tabula": "tabula-py",
    "umap": "umap-learn",
    "usb": "pyusb",
    "wikipediaapi": "wikipedia-api",
    "zmq": "pyzmq",
}

_NETWORKS = ("scikit-learn", "sklearn.neural_network has small neural networks")
_DATABASES = ("duckdb", "so does sqlite3, which is in Python")
_PAGES = ("beautifulsoup4", "with requests it reads pages that are the same for everybody")

#: A package that serves the same purpose in a browser, and a few words on it.
ALTERNATIVES = {
    "basemap": ("cartopy", "Basemap's own authors point to it"),
    "cupy": ("numpy", "with the same functions"),
    "fastai": _NETWORKS,
    "flax": _NETWORKS,
    "jax": _NETWORKS,
    "keras": _NETWORKS,
    "manim": ("matplotlib", "matplotlib.animation makes films"),
    "mysql-connector-python": _DATABASES,
    "numba": ("numpy", "whole arrays at once are fast as well"),
    "prophet": ("statsmodels", "it forecasts seasons, too"),
    "psycopg2-binary": _DATABASES,
    "pygame": ("pygame-ce", "the same module, kept by its community"),
    "pyspark": ("polars", "for tables; duckdb for SQL"),
    "pytorch-lightning": _NETWORKS,
    "selenium": _PAGES,
    "spacy": ("nltk", "for words, sentences and parts of speech"),
    "tensorflow": _NETWORKS,
    "torch": _NETWORKS,
    "torchvision": _NETWORKS,
}

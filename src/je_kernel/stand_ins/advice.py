"""Advice for modules that cannot be installed in a browser.

`je_kernel.error_hints` looks here before it suggests an installation: a package of the same name
may be something else, or may never work in a browser.
"""

from __future__ import annotations

from je_kernel.stand_ins import MODULES

__all__ = ["STOOD_IN", "advice_for"]

STOOD_IN = frozenset({name.replace(".", "-") for name in MODULES - {"google"}} | {"playsound3"})
"""The packages that have a stand-in, and need no installation."""

_DEEP = (
    "{name} is compiled for graphics cards and servers, and no browser can run it. For a small"
    " neural network use scikit-learn (sklearn.neural_network); for a large one, run this notebook"
    " on a computer or in Colab."
)
_SOUND = (
    "{name} uses a computer's microphone or loudspeaker, which a notebook in the browser cannot"
    " reach. To play a sound, use IPython.display.Audio(samples, rate=44100)."
)
_KEYS = (
    "{name} watches a computer's keys and mouse, which a notebook in the browser cannot do. Ask"
    " with input(), or use the buttons and sliders of ipywidgets."
)
_WINDOWS = (
    "{name} draws windows on a computer's screen; a notebook in the browser has none. For pictures"
    " use matplotlib, for drawings turtle, for buttons and sliders ipywidgets."
)
_SERVERS = (
    "{name} makes a web server, and a notebook in the browser cannot answer requests. Run this"
    " lesson on a computer; for an interactive page use ipywidgets."
)
_DATABASES = (
    "{name} speaks with a database server, which a notebook in the browser cannot reach. Use"
    " sqlite3, which comes with Python and keeps a database in a file beside the notebook."
)
_HARDWARE = (
    "{name} speaks with devices at the computer's ports, which a notebook in the browser cannot"
    " reach. Save the measurements as a CSV file on a computer, and read that here."
)
_DRIVERS = (
    "{name} drives a browser on a computer; this notebook is inside one. Read pages with requests"
    " and beautifulsoup4, or with pd.read_html."
)
_PRICES = (
    "{name} asks sites that do not let notebooks in a browser read their prices. Download them as"
    " CSV in another tab, put the file beside this notebook and read it with pd.read_csv."
)
_MACHINE = (
    "{name} looks at the computer's processes and memory, which a browser hides. platform and"
    " os.cpu_count() tell what can be known, tracemalloc how much memory Python uses."
)
_LANGUAGE_MODELS = (
    "{name} is made for programs that run for long on a computer, and has parts that no browser"
    " can run. For words and sentences use nltk; for the rest run this notebook in Colab."
)
_CLUSTERS = (
    "{name} needs Java or a cluster of computers. For tables that fit into a browser use pandas"
    " or polars."
)

_ADVICE = {
    **dict.fromkeys(("tensorflow", "torch", "torchvision", "torchaudio"), _DEEP),
    **dict.fromkeys(("keras", "jax", "flax", "fastai", "lightning", "pytorch_lightning"), _DEEP),
    **dict.fromkeys(("tensorflow_datasets", "tensorflow_hub", "ultralytics", "timm"), _DEEP),
    **dict.fromkeys(("pyaudio", "sounddevice", "simpleaudio", "speech_recognition"), _SOUND),
    **dict.fromkeys(("pynput", "keyboard", "mouse", "pyautogui"), _KEYS),
    **dict.fromkeys(("pygame", "pyglet", "arcade", "kivy", "wx", "pgzrun", "pgzero"), _WINDOWS),
    **dict.fromkeys(("PyQt5", "PyQt6", "PySide2", "PySide6", "easygui", "customtkinter"), _WINDOWS),
    **dict.fromkeys(("vpython", "graphics", "guizero", "PySimpleGUI"), _WINDOWS),
    **dict.fromkeys(("flask", "django", "fastapi", "streamlit", "gradio", "dash"), _SERVERS),
    **dict.fromkeys(("psycopg2", "psycopg", "pymysql", "MySQLdb", "pymongo", "redis"), _DATABASES),
    **dict.fromkeys(("serial", "RPi", "gpiozero", "microbit", "smbus", "usb"), _HARDWARE),
    **dict.fromkeys(("selenium", "playwright", "webdriver_manager"), _DRIVERS),
    **dict.fromkeys(("yfinance", "pandas_datareader", "yahoofinancials"), _PRICES),
    **dict.fromkeys(("psutil", "GPUtil", "memory_profiler"), _MACHINE),
    **dict.fromkeys(("spacy", "transformers", "sentence_transformers"), _LANGUAGE_MODELS),
    **dict.fromkeys(("pyspark", "ray"), _CLUSTERS),
    "google": (
        "Of Google's packages only google.colab is here, in part: files, drive, output, data_table,"
        " userdata. What needs a Google account works in Colab only."
    ),
    "gtts": (
        "gtts asks a server of Google's that does not let notebooks in a browser use it. To have a"
        " text read aloud, use pyttsx3, which is here and speaks with the browser's own voices."
    ),
    "kaggle": (
        "kaggle needs an account and a server that notebooks in a browser cannot use. Download the"
        " data in another tab, at https://www.kaggle.com/datasets, unzip it, and put the files"
        " beside this notebook."
    ),
    "statsmodels": (
        "This site does not bring statsmodels. For a regression line use scipy.stats.linregress or"
        " numpy.polyfit, for more variables sklearn.linear_model, for tests scipy.stats. Or ask"
        " whoever runs the site to build it where Pyodide's servers can be reached."
    ),
    "sql": (
        "The magic %sql comes with a package that has another name:\n\n"
        "    %pip install ipython-sql\n\n"
        "Or use sqlite3, which comes with Python, and pd.read_sql."
    ),
}


def advice_for(module: str) -> str | None:
    """Return advice for a module that cannot be installed.

    Parameters
    ----------
    module
        The name of the top-level module.

    Returns
    -------
    str or None
        Sentences for a student; None for other modules.

    Examples
    --------
    >>> import textwrap
    >>> print(textwrap.fill(advice_for("yfinance"), 88))
    yfinance asks sites that do not let notebooks in a browser read their prices. Download
    them as CSV in another tab, put the file beside this notebook and read it with
    pd.read_csv.
    >>> advice_for("seaborn") is None
    True
    """
    advice = _ADVICE.get(module)
    return advice.format(name=module) if advice is not None else None

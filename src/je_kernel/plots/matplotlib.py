"""Matplotlib: backends that work in a page, animations without ffmpeg or remote styles.

A browser has no windows, so backends that open one draw inline; backends of the classic
notebook become ipympl, if the site has it.
"""

from __future__ import annotations

import re
from functools import wraps
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from je_kernel.plots import say_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

_INLINE = "module://matplotlib_inline.backend_inline"
_WIDGET = "module://ipympl.backend_nbagg"

_OF_NOTEBOOKS = frozenset({"ipympl", "nbagg", "notebook", "widget"})
_OF_WINDOWS = re.compile(r"(qt[456]?|tk|gtk[34]?|wx|osx|macosx)(agg|cairo)?|auto|webagg")

_NO_WINDOWS = (
    "A browser has no windows for {name!r}: figures are shown below their cell, as with "
    "%matplotlib inline."
)
_NO_WIDGET = (
    "This site does not have ipympl, with which a figure can be moved and zoomed: figures are "
    "shown as pictures, as with %matplotlib inline."
)
_NO_VIDEO = (
    "Matplotlib makes videos with a program (ffmpeg) that does not run in a browser. Write "
    "animation.save({gif!r}, writer='pillow') for an animated picture, or "
    "HTML(animation.to_jshtml()) to play it in the notebook."
)
_MISSING = (
    "Matplotlib's font has no picture for {characters}, and shows boxes instead. Put a font file "
    "that has them beside the notebook, here NotoSans.ttf, and write before the figure:\n"
    "  from matplotlib import font_manager, rcParams\n"
    "  font_manager.fontManager.addfont('NotoSans.ttf')\n"
    "  rcParams['font.family'] = font_manager.FontProperties(fname='NotoSans.ttf').get_name()"
)
_VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".webm"})

#: The symbols of an animation's buttons, for which Matplotlib loads a font. These are in
#: the fonts of any system.
_SYMBOLS = {
    "minus": "-",
    "fast-backward": "❘◀",
    "step-backward": "◂❘",
    "play fa-flip-horizontal": "◀",
    "pause": "❚❚",
    "play": "▶",
    "step-forward": "❘▸",
    "fast-forward": "▶❘",
    "plus": "+",
}


def adapt(module: ModuleType, patches: Patches) -> None:
    """Adapt one of Matplotlib's modules."""
    _ADAPTERS[module.__name__](module, patches)


def _adapt_use(module: ModuleType, patches: Patches) -> None:
    """``matplotlib.use("TkAgg")``."""
    use = module.use

    @wraps(use)
    def use_in_page(backend: str, *, force: bool = True) -> None:
        use(_in_page(backend), force=force)

    patches.set(module, "use", use_in_page)


def _adapt_registry(module: ModuleType, patches: Patches) -> None:
    """``%matplotlib qt`` and ``%matplotlib notebook``."""
    registry = module.backend_registry
    resolve = registry.resolve_gui_or_backend

    def resolve_in_page(name: str) -> tuple[str, str | None]:
        backend = _in_page(name)
        # Neither needs the event loop of a toolkit.
        return (backend, None) if backend in (_INLINE, _WIDGET) else resolve(backend)

    patches.set(registry, "resolve_gui_or_backend", resolve_in_page)


def _in_page(name: str) -> str:
    """Return the backend to use for the one that a lesson names."""
    lowered = str(name).lower()
    if lowered in _OF_NOTEBOOKS or lowered == _WIDGET:
        return _WIDGET if _has_widget() else _INLINE
    if _OF_WINDOWS.fullmatch(lowered):
        say_once(_NO_WINDOWS.format(name=name))
        return _INLINE
    return name


def _has_widget() -> bool:
    """Return whether ipympl is installed, and register it with Matplotlib."""
    if find_spec("ipympl") is None:
        say_once(_NO_WIDGET)
        return False
    import matplotlib.backends.registry

    registry: Any = matplotlib.backends.registry.backend_registry
    if not registry.is_valid_backend("widget"):
        # The registry was filled before ipympl was installed.
        registry._clear()
    return True


def _adapt_buttons(module: ModuleType, patches: Patches) -> None:
    """Replace the font of an animation's buttons by characters."""
    patches.set(
        module, "JS_INCLUDE", re.sub(r'<link rel="stylesheet"[^<>]{0,200}>', "", module.JS_INCLUDE)
    )
    template = module.DISPLAY_TEMPLATE
    for name, symbol in _SYMBOLS.items():
        template = template.replace(f'<i class="fa fa-{name}"></i>', symbol)
    patches.set(module, "DISPLAY_TEMPLATE", template)


def _adapt_animation(module: ModuleType, patches: Patches) -> None:
    """Play animations as HTML instead of video; refuse to save a video file."""
    animation = module.Animation
    save = animation.save

    def to_html5_video(self: Any, embed_limit: float | None = None) -> str:  # noqa: ARG001
        html: str = self.to_jshtml()
        return html

    @wraps(save)
    def save_in_browser(self: Any, filename: Any, *arguments: Any, **options: Any) -> None:
        path = PurePath(filename)
        if path.suffix.lower() in _VIDEOS:
            raise ValueError(_NO_VIDEO.format(gif=path.with_suffix(".gif").name))
        save(self, filename, *arguments, **options)

    if not module.writers.is_available("ffmpeg"):
        patches.set(animation, "to_html5_video", to_html5_video)
        patches.set(animation, "save", save_in_browser)


def _adapt_missing_glyphs(module: ModuleType, patches: Patches) -> None:
    """Warn once for each script, not for each character at every drawing."""
    warned = set()

    def warn_on_missing_glyph(codepoint: int, _fontnames: str) -> None:
        script = _script(codepoint)
        if script not in warned:
            warned.add(script)
            say_once(_MISSING.format(characters=f"{script} such as {chr(codepoint)}"))

    patches.set(module, "warn_on_missing_glyph", warn_on_missing_glyph)


def _script(codepoint: int) -> str:
    """Return the approximate script of a character, as fonts cover them."""
    if 0x1100 <= codepoint < 0x1200 or 0x2E80 <= codepoint < 0xD800 or codepoint >> 16 in (2, 3):
        return "Chinese, Japanese or Korean characters"
    if codepoint >> 16 == 1 or 0x2600 <= codepoint < 0x2800:
        return "emoji"
    return "characters"


_ADAPTERS: dict[str, Callable[[ModuleType, Patches], None]] = {
    "matplotlib": _adapt_use,
    "matplotlib._animation_data": _adapt_buttons,
    "matplotlib._text_helpers": _adapt_missing_glyphs,
    "matplotlib.animation": _adapt_animation,
    "matplotlib.backends.registry": _adapt_registry,
}

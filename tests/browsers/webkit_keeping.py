#!/usr/bin/env python3
"""A WebKitGTK browser with a profile that is kept, as Safari has; MiniBrowser forgets when driven.

It is started by WebKit's driver: ``webkit_keeping.py --automation FOLDER``.
"""

from __future__ import annotations

import sys
from ctypes import CDLL, CFUNCTYPE, c_char_p, c_int, c_size_t, c_uint64, c_void_p

_webkit = CDLL("libwebkit2gtk-4.1.so.0")
_gtk = CDLL("libgtk-3.so.0")
_gobject = CDLL("libgobject-2.0.so.0")
for _new in (
    _webkit.webkit_website_data_manager_new,
    _webkit.webkit_web_context_new_with_website_data_manager,
    _webkit.webkit_application_info_new,
    _gtk.gtk_window_new,
    _gobject.g_object_new,
):
    _new.restype = c_void_p
_webkit.webkit_web_view_get_type.restype = c_size_t


def _context(folder: str) -> c_void_p:
    """Make what all pages share, with its storage in a folder."""
    manager = _webkit.webkit_website_data_manager_new(
        *(c_char_p(b"base-data-directory"), c_char_p(f"{folder}/data".encode())),
        *(c_char_p(b"base-cache-directory"), c_char_p(f"{folder}/cache".encode())),
        None,
    )
    made = _webkit.webkit_web_context_new_with_website_data_manager(c_void_p(manager))
    _webkit.webkit_web_context_set_automation_allowed(c_void_p(made), 1)
    return c_void_p(made)


def _connect(instance: c_void_p, signal: bytes, callback: object) -> None:
    _gobject.g_signal_connect_data(instance, c_char_p(signal), callback, None, None, 0)


def main(folder: str) -> None:
    """Show what the driver asks for, until it ends the process."""
    _gtk.gtk_init(None, None)
    context = _context(folder)

    def create_web_view(session: int, data: int) -> int | None:
        view = c_void_p(
            _gobject.g_object_new(
                c_size_t(_webkit.webkit_web_view_get_type()),
                *(c_char_p(b"web-context"), context),
                *(c_char_p(b"is-controlled-by-automation"), c_int(1)),
                None,
            )
        )
        window = c_void_p(_gtk.gtk_window_new(0))
        _gtk.gtk_container_add(window, view)
        _gtk.gtk_widget_show_all(window)
        return view.value

    def automation_started(context: int, session: int, data: int) -> None:
        info = c_void_p(_webkit.webkit_application_info_new())
        # By which Selenium knows it.
        _webkit.webkit_application_info_set_name(info, c_char_p(b"MiniBrowser"))
        _webkit.webkit_application_info_set_version(info, c_uint64(2), c_uint64(0), c_uint64(0))
        _webkit.webkit_automation_session_set_application_info(c_void_p(session), info)
        _connect(c_void_p(session), b"create-web-view", creating)

    creating = CFUNCTYPE(c_void_p, c_void_p, c_void_p)(create_web_view)
    starting = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)(automation_started)
    _connect(context, b"automation-started", starting)
    _gtk.gtk_main()


if __name__ == "__main__":
    main(sys.argv[-1])

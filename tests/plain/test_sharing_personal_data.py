"""What is found before a notebook is shared, and what is not."""

from __future__ import annotations

import time

import pytest

from je_kernel.sharing.personal_data import describe, scan, scan_text


def kinds(text):
    return [kind for kind, _, _ in scan_text(text)]


@pytest.mark.parametrize(
    "text",
    [
        "mia@school.org",
        "Write to Mia.Lund+homework@mail.school.co.uk, please",
        "to = 'jose@xn--exmple-cua.com'",
        "<mia_lund@gmail.com>",
        "https://x.org/?mail=mia@gmail.com&x=1",
    ],
)
def test_an_email_address_is_found(text):
    assert kinds(text) == ["an e-mail address"]


@pytest.mark.parametrize(
    "text",
    [
        "you@example.com",
        "a@b.example",
        "x@localhost.localhost",
        "@property",
        "y = X @ W",
        "y = X@W.T",
        "y = X@W.mean()",
        "C = Xt@yy.shape",
        "https://www.youtube.com/@someone",
        "git@",
        "2 @ 3.50",
    ],
)
def test_what_only_looks_like_an_email_address_is_not(text):
    assert kinds(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "+44 20 7946 0958",
        "+1 (555) 123-4567",
        "+4915112345678",
        "call 555-123-4567 now",
        "(555) 123-4567",
        "555.123.4567",
        "Tel.: 030 1234567",
        "phone = '0151/2345678'",
        "WhatsApp: 07911 123456",
    ],
)
def test_a_phone_number_is_found(text):
    assert kinds(text) == ["a phone number"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31 13:45:00",
        "[100 200 300 400 500]",
        "1234567890",
        "3.14159265358979",
        "x = +1.234567890",
        "1e+10",
        "0.123-4567",
        "192.168.100.200",
        "ISBN 978-3-16-148410-0",
        "127 rows x 12 columns",
        "range(1000, 5000)",
        "array([[ 555, 123, 4567]])",
        "cells = 1000",
    ],
)
def test_data_are_no_phone_numbers(text):
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sk-" + "aB3" * 12, "a secret key"),
        ("key: AKIA" + "ABCDEFGH12345678", "a secret key"),
        ("ghp_" + "a1B2" * 9, "a secret key"),
        ("AIza" + "x" * 35, "a secret key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a secret key"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "a secret key"),
        ("password = 'correcthorse'", "a password or key"),
        ("API_KEY='8f7d6a5b4c'", "a password or key"),
        ('os.environ["OPENWEATHER_API_KEY"] = "8f7d6a5b4c"', "a password or key"),
        ('{"token": "8f7d6a5b4c"}', "a password or key"),
    ],
)
def test_a_key_or_password_is_found(text, kind):
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "api_key = 'YOUR_API_KEY'",
        "password = '***************'",
        "token = '<insert here>'",
        "password = input('password: ')",
        "tokens = ['the', 'cat']",
        "max_tokens = 4096",
        "secret = None",
        "task-skiing-and-other-winter-sports",
    ],
)
def test_a_placeholder_is_no_secret(text):
    assert kinds(text) == []


def test_the_name_in_a_path_is_found_unless_it_is_the_kernels():
    assert kinds('File "/home/mia/x.py"') == ["the name of a computer's user"]
    assert kinds(r"C:\Users\Mia Lund\x.py") == ["the name of a computer's user"]
    assert kinds("/home/pyodide/x.py /home/jovyan/y.py") == []


def cell(source="", outputs=(), cell_type="code"):
    return {"cell_type": cell_type, "source": source, "outputs": list(outputs)}


def test_what_was_found_is_placed_by_cell_and_line():
    stream = {"output_type": "stream", "text": ["a\n", "mia@school.org\n"]}
    page = {"output_type": "display_data", "data": {"text/html": "<td>bo@school.org</td>"}}
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["x", "/home/mia/y"]}
    found = scan(
        {
            "cells": [
                cell("fine"),
                cell(["one\n", "two 555-123-4567"], cell_type="markdown"),
                cell("print(x)", [stream, page]),
                cell("boom()", [error]),
            ]
        }
    )
    assert [(f.cell, f.line, f.in_output) for f in found] == [
        (2, 2, False),
        (3, 2, True),
        (3, 1, True),
        (4, 2, True),
    ]
    assert str(found[1]) == "an e-mail address in the output of cell 3, line 2: mi…rg"


def test_the_same_thing_is_told_once_for_each_cell():
    found = scan({"cells": [cell("mia@school.org\nmia@school.org"), cell("mia@school.org")]})
    assert [f.cell for f in found] == [1, 2]


def test_pictures_are_not_read():
    picture = {"output_type": "display_data", "data": {"image/png": "mia@school.org"}}
    assert scan({"cells": [cell("", [picture])]}) == ()


def test_the_warning_shows_nothing_whole_and_is_not_endless():
    source = "\n".join(f"person{n:02}@school.org" for n in range(20))
    text = describe(scan({"cells": [cell(source)]}))
    assert "and 12 more" in text
    assert "person" not in text
    assert "share(anyway=True)" in text


def test_a_long_line_takes_no_longer_than_its_length():
    begin = time.perf_counter()
    for unit in ("aB3", "@", "a@", "+1 2", "555-", "token='", "/home/", "tel ", "(("):
        assert scan_text(unit * 100_000) is not None
        list(scan_text(unit * 100_000))
    assert time.perf_counter() - begin < 30


def test_the_words_of_a_plot_are_read_and_its_numbers_are_not():
    plot = {"data": [{"x": [5551234567], "text": ["Mia", "mia.lund@school.org"]}]}
    output = {"output_type": "display_data", "data": {"application/vnd.plotly.v1+json": plot}}
    cell = {"cell_type": "code", "source": "", "outputs": [output]}
    (finding,) = scan({"cells": [cell]})
    assert (finding.kind, finding.in_output) == ("an e-mail address", True)

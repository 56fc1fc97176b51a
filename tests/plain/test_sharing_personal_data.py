"""What is found before a notebook is shared, and what is not."""

from __future__ import annotations

import random
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
        "mia@uni-köln.de",
        "mailto:mia@x.com",
        "Ask mia@school.org.",
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
        "user@dataclass",
        "h = x@W.to(device)",
        "row = A@B.at[0]",
        "z = x@w.is",
        "https://cdn.jsdelivr.net/npm/vega-lite@5.com",
        "price@25.kg",
        "git@github.com:python/cpython.git",
        "noreply@github.com",
        "your.email@gmail.com",
        "first.last@company.com",
        "name@mydomain.org",
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
        "+44 (0)20 7946 0958",
        "+49.30.1234567",
        "+49/30/1234567",
        "+33 1 23 45 67 89",
        "+91-98765-43210",
        "+86 138 0013 8000",
        "+55 11 91234-5678",
        "+254 712 345678",
        "+1.555.123.4567",
        "1-555-123-4567",
        "(555) 123 4567",
        "Mia,+447911123456,7",
        "+44 20 7946 0958 2026 12 31",
        "0049 30 1234567",
        "tel:+15551234567",
        "Phone: 555 123 4567",
        "Phone: 555-1234",
        "phone = 5551234567",
        "my number is 07911 123456",
        "Call me: 0151 23456789",
        "Mobil: 0176 12345678",
        "Téléphone : 01 23 45 67 89",
        '"phone_number": "07911123456"',
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
        "2024-01-31T13:45:00Z 31.01.2024 31/01/2024",
        "doi:10.1038/s41586-020-2649-2",
        "ISBN 0-306-40615-2",
        "lat, lon = 52.5200066, 13.404954",
        "+52.5200, +13.4050",
        "Text(0.5, 1.0, 'Bill length (mm)')",
        "[<matplotlib.lines.Line2D at 0x7f5c1234567>]",
        "Adelie Torgersen 39.1 18.7 181 3750",
        "result: +12 345 678",
        "delta = +123456789",
        "+1 2 3 4 5 6 7 8 9 10 11",
        "Temperature: +15 16 17 18 19 20 21",
        "+30 31 32 33 34 35 36",
        "+44.1234567890",
        "+244.470 -4407.116 +20565.996 -958.440",
        "+920465 -105331 +594269 -252123",
        "+52.3055719 -144.1234567",
        "+53.1391-171.3194/",
        "population = 1 400 000 000",
        "cell 1000000000",
        "cells 100 000 000",
        "mobile 100 200 300",
        "telescope 1990 2021 2022",
        "phone_battery = 12345678",
        "phone 0 0 0 1 0 1 1 0",
        "mobile 0.12345678",
        "call on 07/11/2023",
        "call(1000000, 2000000)",
        "Mobile users 2019 2020 2021",
        "seq: 100-200-3000",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_data_are_no_phone_numbers(text):
    assert kinds(text) == []


@pytest.mark.parametrize(
    "row",
    [
        lambda chance: " ".join(f"{chance.gauss(0, 1e4):+.3f}" for _ in range(8)),
        lambda chance: " ".join(f"{chance.randrange(-(10**9), 10**9):+d}" for _ in range(8)),
        lambda chance: ",".join(f"{chance.randrange(10**10)}" for _ in range(8)),
        lambda chance: f"{chance.uniform(-90, 90):+.6f} {chance.uniform(-180, 180):+.6f}",
        lambda chance: f"{chance.uniform(-90, 90):+08.4f}{chance.uniform(-180, 180):+09.4f}/",
        lambda chance: f"{chance.randrange(10**12):,}".replace(",", " "),
        lambda chance: "-".join(f"{chance.randrange(1000):03}" for _ in range(3)),
        lambda chance: f"phone {chance.randrange(10**9)} {chance.random():.4f}",
        lambda chance: f"mobile: {chance.randrange(10**7)} {chance.gauss(0, 1):.2f}",
        lambda chance: f"{chance.getrandbits(128):032x} 0x{chance.getrandbits(48):012x}",
    ],
)
def test_a_thousand_rows_of_data_hold_no_phone_number(row):
    chance = random.Random(7)
    assert kinds("\n".join(row(chance) for _ in range(1000))) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sk-" + "aB3" * 12, "a secret key"),
        ("key: AKIA" + "ABCDEFGH12345678", "a secret key"),
        ("ghp_" + "a1B2" * 9, "a secret key"),
        ("AIza" + "Sy1_-" * 7, "a secret key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a secret key"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "a secret key"),
        ("password = 'correcthorse'", "a password or key"),
        ("API_KEY='8f7d6a5b4c'", "a password or key"),
        ('os.environ["OPENWEATHER_API_KEY"] = "8f7d6a5b4c"', "a password or key"),
        ('{"token": "8f7d6a5b4c"}', "a password or key"),
        ("sk-proj-" + "aB3_" * 12, "a secret key"),
        ("ASIA" + "ABCDEFGH12345678", "a secret key"),
        ("hf_" + "aBcD" * 9, "a secret key"),
        ("github_pat_" + "a1B2" * 12, "a secret key"),
        ("gsk_" + "a1B2" * 12, "a secret key"),
        ("https://discord.com/api/webhooks/123456789012345678/" + "aB3_" * 16, "a secret key"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzKEY", "a password or key"),
        ("%env OPENAI_API_KEY=abcdef1234567890", "a password or key"),
        ("https://api.nasa.gov/x?api_key=aBcDeFgHiJ1234567890", "a password or key"),
        ("https://api.openweathermap.org/?q=Rome&appid=8f7d6a5b4c3e2f1a", "a password or key"),
        ("Authorization: Bearer abcdef1234567890abcdef", "a password or key"),
        ("postgres://mia:gehe1mnis@db.school.org/x", "a password or key"),
        ("passwort = 'Fluffy-2010'", "a password or key"),
        ("password = 'my dog rex 2010'", "a password or key"),
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
        "password = 'password123'",
        "correct_password = 'python123'",
        "if password == 'Fluffy2010':",
        "passwords = ['123456', 'qwerty']",
        "pin_password = '1234567'",
        "secret_word = 'elephant'",
        "secret_code = 'abcdef'",
        "password_strength = 'very strong 1'",
        "errors = {'password': 'A password must have 8 characters'}",
        "tokenizer = 'bert-base-2'",
        "token_type = 'NOUN_PHRASE_2'",
        "next_page_token = 'CAUQAA1234'",
        "api_key = os.environ['API_KEY_2']",
        "api_key = get_key_of_school_2026()",
        "api_key=DEMO_KEY",
        "AKIAIOSFODNN7EXAMPLE",
        "https://user:password@host.com/x",
    ],
)
def test_a_placeholder_is_no_secret(text):
    assert kinds(text) == []


def test_the_name_in_a_path_is_found_unless_it_is_the_kernels():
    assert kinds('File "/home/mia/x.py"') == ["the name of a computer's user"]
    assert kinds(r"C:\Users\Mia Lund\x.py") == ["the name of a computer's user"]
    assert kinds("/mnt/c/Users/mia/x.py") == ["the name of a computer's user"]
    assert kinds("file:///home/mia/x.py") == ["the name of a computer's user"]
    assert kinds("/home/pyodide/x.py /home/jovyan/y.py") == []


@pytest.mark.parametrize(
    "text",
    [
        "/Users/yourname/x.csv",
        "/home/student/x.csv",
        r"C:\Users\Public\x.csv",
        "~/home/mia",
        "https://www.bbc.co.uk/home/science/x",
        "https://www.kaggle.com/Users/penguin",
    ],
)
def test_a_path_that_names_nobody_is_no_finding(text):
    assert kinds(text) == []


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
    assert [(f.cell, f.line, f.part) for f in found] == [
        (2, 2, "text"),
        (3, 2, "output"),
        (3, 1, "output"),
        (4, 2, "output"),
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
    assert "person0" not in text
    assert "share(allow_personal_data=True)" in text


def test_titles_raw_cells_attachments_and_metadata_are_searched_too():
    mail = "mia@school.org"
    picture = {"image/svg+xml": f"<svg><path d='M320.123.4567'/><text>{mail}</text></svg>"}
    notebook = {
        "metadata": {"title": f"By {mail}", "authors": [{"name": "Mia", "email": mail}]},
        "cells": [
            cell(mail, cell_type="raw"),
            {**cell("![](a)", cell_type="markdown"), "attachments": {"a": picture}},
            {**cell("x"), "metadata": {"tags": [mail]}},
            cell("x", [{"output_type": "display_data", "data": picture}]),
        ],
    }
    found = scan(notebook)
    assert [(f.cell, f.part) for f in found] == [
        (0, "metadata"),
        (1, "text"),
        (2, "attachment"),
        (3, "metadata"),
        (4, "output"),
    ]
    assert {f.kind for f in found} == {"an e-mail address"}
    assert "in the notebook's title or metadata: mi…rg" in str(found[0])
    assert "in the attachment of cell 2: mi…rg" in str(found[2])


@pytest.mark.slow
def test_a_long_line_takes_no_longer_than_its_length():
    begin = time.process_time()
    for unit in (
        "aB3",
        "@",
        "a@",
        "+1 2",
        "555-",
        "token='",
        "/home/",
        "tel ",
        "((",
        "a://a:",
        "+44",
        "?key=a1",
        "phone:0",
        "<",
        "api_key",
        "a@b.",
        "token a1",
    ):
        assert scan_text(unit * 100_000) is not None
        list(scan_text(unit * 100_000))
    # Were it quadratic, hours.
    assert time.process_time() - begin < 60


def test_the_words_of_a_plot_are_read_and_its_numbers_are_not():
    plot = {"data": [{"x": [5551234567], "text": ["Mia", "mia.lund@school.org"]}]}
    output = {"output_type": "display_data", "data": {"application/vnd.plotly.v1+json": plot}}
    cell = {"cell_type": "code", "source": "", "outputs": [output]}
    (finding,) = scan({"cells": [cell]})
    assert (finding.kind, finding.part) == ("an e-mail address", "output")

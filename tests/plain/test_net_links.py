"""Links as people copy them, and the links that lead to the data."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from je_kernel import settings
from je_kernel.errors import SharingLinkError
from je_kernel.net.links import data_url, recognise

RAW = "https://raw.githubusercontent.com"
GIST = "https://gist.githubusercontent.com"
ID = "8b5f9c0a1d2e3f4a5b6c7d8e9f0a1b2c"
SHEET = "1FAIpQLSd-abc_DEF0123456789"
SHEETS = "https://docs.google.com/spreadsheets/d"

CONVERTED = [
    # GitHub
    ("https://github.com/u/r/blob/main/data/rain.csv", f"{RAW}/u/r/main/data/rain.csv"),
    ("http://github.com/u/r/blob/main/rain.csv", f"{RAW}/u/r/main/rain.csv"),
    ("https://www.github.com/u/r/blob/main/rain.csv", f"{RAW}/u/r/main/rain.csv"),
    ("github.com/u/r/blob/main/rain.csv", f"{RAW}/u/r/main/rain.csv"),
    (" https://github.com/u/r/blob/main/rain.csv \n", f"{RAW}/u/r/main/rain.csv"),
    ("<https://github.com/u/r/blob/main/rain.csv>", f"{RAW}/u/r/main/rain.csv"),
    ("https://github.com/u/r/blob/main/rain.csv#L10-L20", f"{RAW}/u/r/main/rain.csv"),
    ("https://github.com/u/r/blob/main/rain.csv?raw=true", f"{RAW}/u/r/main/rain.csv"),
    ("https://github.com/u/r/blob/main/rain.csv?plain=1", f"{RAW}/u/r/main/rain.csv"),
    ("https://github.com/u/r/raw/main/rain.csv", f"{RAW}/u/r/main/rain.csv"),
    ("https://github.com/u/r/raw/refs/heads/main/a.csv", f"{RAW}/u/r/refs/heads/main/a.csv"),
    ("https://github.com/u/r/blame/v1.0/rain.csv", f"{RAW}/u/r/v1.0/rain.csv"),
    ("https://github.com/u/r/edit/main/rain.csv", f"{RAW}/u/r/main/rain.csv"),
    ("https://github.com/u/r/blob/main/my%20data/a%2Bb.csv", f"{RAW}/u/r/main/my%20data/a%2Bb.csv"),
    ("https://raw.github.com/u/r/main/rain.csv", f"{RAW}/u/r/main/rain.csv"),
    # Gist
    (f"https://gist.github.com/u/{ID}", f"{GIST}/u/{ID}/raw"),
    (f"https://gist.github.com/{ID}", f"{GIST}/raw/{ID}"),
    ("https://gist.github.com/u/1234567", f"{GIST}/u/1234567/raw"),
    (f"https://gist.github.com/u/{ID}#file-rain-csv", f"{GIST}/u/{ID}/raw/rain.csv"),
    (f"https://gist.github.com/u/{ID}#file-my-rain-csv", f"{GIST}/u/{ID}/raw/my-rain.csv"),
    (f"https://gist.github.com/u/{ID}?file=rain.csv", f"{GIST}/u/{ID}/raw/rain.csv"),
    (f"https://gist.github.com/u/{ID}/raw/abc/rain.csv", f"{GIST}/u/{ID}/raw/abc/rain.csv"),
    # GitLab, Bitbucket
    (
        "https://gitlab.com/u/p/-/blob/main/data/rain.csv?ref_type=heads",
        "https://gitlab.com/api/v4/projects/u%2Fp/repository/files/data%2Frain.csv/raw?ref=main",
    ),
    (
        "https://gitlab.com/group/sub/p/-/raw/v1.0/a%20b.csv",
        "https://gitlab.com/api/v4/projects/group%2Fsub%2Fp"
        "/repository/files/a%20b.csv/raw?ref=v1.0",
    ),
    (
        "https://gitlab.com/u/p/blob/master/rain.csv",
        "https://gitlab.com/api/v4/projects/u%2Fp/repository/files/rain.csv/raw?ref=master",
    ),
    (
        "https://git.school.example/u/p/-/blob/main/rain.csv",
        "https://git.school.example/api/v4/projects/u%2Fp/repository/files/rain.csv/raw?ref=main",
    ),
    ("https://bitbucket.org/u/r/src/main/rain.csv", "https://bitbucket.org/u/r/raw/main/rain.csv"),
    # Google
    (f"{SHEETS}/{SHEET}/edit?usp=sharing", f"{SHEETS}/{SHEET}/export?format=csv"),
    (f"{SHEETS}/{SHEET}/edit#gid=42", f"{SHEETS}/{SHEET}/export?format=csv&gid=42"),
    (f"{SHEETS}/{SHEET}/edit?gid=7#gid=7", f"{SHEETS}/{SHEET}/export?format=csv&gid=7"),
    (f"{SHEETS}/{SHEET}/view", f"{SHEETS}/{SHEET}/export?format=csv"),
    (f"{SHEETS}/{SHEET}", f"{SHEETS}/{SHEET}/export?format=csv"),
    (f"{SHEETS}/{SHEET}/edit#gid=<b>", f"{SHEETS}/{SHEET}/export?format=csv"),
    (
        f"https://docs.google.com/spreadsheets/u/0/d/{SHEET}/edit",
        f"{SHEETS}/{SHEET}/export?format=csv",
    ),
    (
        f"https://docs.google.com/a/school.org/spreadsheets/d/{SHEET}/edit",
        f"{SHEETS}/{SHEET}/export?format=csv",
    ),
    (f"{SHEETS}/e/2PACX-1vT/pubhtml", f"{SHEETS}/e/2PACX-1vT/pub?output=csv"),
    (
        f"{SHEETS}/e/2PACX-1vT/pubhtml?gid=5&single=true",
        f"{SHEETS}/e/2PACX-1vT/pub?gid=5&single=true&output=csv",
    ),
    (
        "https://docs.google.com/document/d/1abc/edit",
        "https://docs.google.com/document/d/1abc/export?format=txt",
    ),
    (
        "https://docs.google.com/presentation/d/1abc/edit#slide=id.p",
        "https://docs.google.com/presentation/d/1abc/export/pdf",
    ),
    # Dropbox
    (
        "https://www.dropbox.com/s/abc123/rain.csv?dl=0",
        "https://dl.dropboxusercontent.com/s/abc123/rain.csv",
    ),
    (
        "https://www.dropbox.com/scl/fi/abc/rain.csv?rlkey=k1&st=x2&dl=0",
        "https://dl.dropboxusercontent.com/scl/fi/abc/rain.csv?rlkey=k1&st=x2",
    ),
    (
        "https://dl.dropbox.com/s/abc123/rain.csv",
        "https://dl.dropboxusercontent.com/s/abc123/rain.csv",
    ),
    # Hugging Face
    (
        "https://huggingface.co/datasets/u/d/blob/main/data/train.csv",
        "https://huggingface.co/datasets/u/d/resolve/main/data/train.csv",
    ),
    (
        "https://huggingface.co/u/model/blob/main/config.json",
        "https://huggingface.co/u/model/resolve/main/config.json",
    ),
    (
        "https://hf.co/datasets/u/d/raw/main/train.csv",
        "https://huggingface.co/datasets/u/d/resolve/main/train.csv",
    ),
    # Zenodo
    (
        "https://zenodo.org/records/123/files/rain.csv?download=1",
        "https://zenodo.org/api/records/123/files/rain.csv/content",
    ),
    (
        "https://zenodo.org/record/123/files/rain.csv",
        "https://zenodo.org/api/records/123/files/rain.csv/content",
    ),
    (
        "https://zenodo.org/records/123/preview/rain.csv?include_deleted=0",
        "https://zenodo.org/api/records/123/files/rain.csv/content",
    ),
    # Wikipedia and its pictures
    (
        "https://en.wikipedia.org/wiki/List_of_rivers",
        "https://en.wikipedia.org/api/rest_v1/page/html/List_of_rivers",
    ),
    (
        "https://de.m.wikipedia.org/wiki/AC/DC",
        "https://de.wikipedia.org/api/rest_v1/page/html/AC%2FDC",
    ),
    (
        # The hash is the one that Wikimedia serves this file under.
        "https://commons.wikimedia.org/wiki/File:Example.jpg",
        "https://upload.wikimedia.org/wikipedia/commons/a/a9/Example.jpg",
    ),
]


@pytest.mark.parametrize(("link", "data"), CONVERTED)
def test_a_shared_link_becomes_the_link_of_the_data(link, data):
    assert data_url(link) == data


@pytest.mark.parametrize("data", [data for _, data in CONVERTED])
def test_a_link_of_the_data_is_left_as_it_is(data):
    assert data_url(data) == data
    assert recognise(data) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/blob/main/rain.csv",
        "https://example.com/",
        "http://localhost:8000/github.com/u/r/blob/main/a.csv",
        "https://github.com.evil.example/u/r/blob/main/a.csv",
        "https://github.com/about",
        "https://github.com/u/r/issues/1",
        "https://gitlab.com/u/p",
        "https://huggingface.co/u/model",
        "https://www.kaggle.com/learn/pandas",
        "https://osf.io/download/abc12/",
        "https://osf.io/search",
        "https://ndownloader.figshare.com/files/123",
        "https://data.world/",
        "https://en.wikipedia.org/w/index.php?title=River",
        "https://query.data.world/s/abc",
        "file:///drive/rain.csv",
        "data:text/csv,a",
        "rain.csv",
        "my.data/rain.csv.gz",
        "",
        "https://",
        "http://[half",
        "https://[::1]/x",
    ],
)
def test_other_links_are_left_as_they_are(link):
    assert data_url(link) == link
    assert recognise(link) is None


IMPOSSIBLE = [
    ("https://github.com/u/r", "folder"),
    ("https://github.com/u/r/tree/main/data", "folder"),
    ("https://github.com/u/r/releases/download/v1/rain.csv", "releases"),
    ("https://github.com/u/r/archive/refs/heads/main.zip", "archives"),
    ("https://drive.google.com/file/d/1abc/view?usp=sharing", "Google Drive does not let"),
    ("https://drive.google.com/open?id=1abc", "Google Drive does not let"),
    ("https://drive.google.com/uc?export=download&id=1abc", "Google Drive does not let"),
    ("https://drive.google.com/drive/folders/1abc", "folder"),
    ("https://docs.google.com/forms/d/1abc/edit", "Link to Sheets"),
    ("https://www.dropbox.com/sh/abc/def?dl=0", "Share the file itself"),
    ("https://www.dropbox.com/scl/fo/abc/def?rlkey=k&dl=0", "Share the file itself"),
    ("https://1drv.ms/x/s!AbCdEf", "OneDrive"),
    ("https://onedrive.live.com/?cid=1&id=2", "OneDrive"),
    ("https://school.sharepoint.com/:x:/s/class/EabC", "cannot log in"),
    ("https://school-my.sharepoint.com/:x:/g/personal/x", "cannot log in"),
    ("https://www.kaggle.com/datasets/u/d", "logged in"),
    ("https://www.kaggle.com/competitions/titanic/data", "logged in"),
    ("https://huggingface.co/datasets/u/d", "open Files"),
    ("https://huggingface.co/datasets/u/d/tree/main", "open Files"),
    ("https://osf.io/abc12/", "OSF does not let"),
    ("https://osf.io/abc12/files/osfstorage/5f9c0a1d2e3f4a5b6c7d8e9f", "OSF does not let"),
    ("https://zenodo.org/records/123", "under Files"),
    ("https://doi.org/10.5281/zenodo.123", "DOI"),
    ("https://figshare.com/articles/dataset/Rain/123", "many files"),
    ("https://figshare.com/ndownloader/files/456", "Figshare does not let"),
    ("https://springernature.figshare.com/articles/dataset/Rain/1?file=456", "does not let"),
    ("https://data.world/u/rain", "logged in"),
]


@pytest.mark.parametrize(("link", "words"), IMPOSSIBLE)
def test_what_cannot_be_read_is_an_error_that_says_why_and_what_to_do(link, words):
    with pytest.raises(SharingLinkError) as caught:
        data_url(link)
    assert words in str(caught.value)
    assert caught.value.url == link
    assert caught.value.link != link or "github" in link
    # Something to do follows the reason.
    assert len(str(caught.value).split(". ")) >= 2


def test_with_a_relay_a_site_that_forbids_still_has_a_link(monkeypatch):
    monkeypatch.setenv("JE_KERNEL_RELAY_URL", "https://notebooks.example/relay")
    settings.reload()
    try:
        link = data_url("https://drive.google.com/file/d/1abc/view")
        assert link == "https://drive.usercontent.google.com/download?id=1abc&export=download"
        with pytest.raises(SharingLinkError):
            data_url("https://www.kaggle.com/datasets/u/d")
    finally:
        monkeypatch.undo()
        settings.reload()


def test_the_hint_gives_the_link_that_works_on_a_line_of_its_own():
    hint = recognise("https://github.com/u/r/blob/main/rain.csv").hint
    assert hint.splitlines()[-1] == f"    {RAW}/u/r/main/rain.csv"


def test_a_link_must_be_text():
    with pytest.raises(TypeError, match="not a bytes"):
        data_url(b"https://github.com/u/r/blob/main/rain.csv")


_PARTS = st.lists(
    st.sampled_from(
        [
            "blob",
            "raw",
            "d",
            "e",
            "s",
            "scl",
            "fi",
            "-",
            "file",
            "files",
            "wiki",
            "records",
            "1",
            ID,
        ]
    )
    | st.text(max_size=8),
    max_size=7,
)
_HOSTS = st.sampled_from(
    [
        *{urlsplit(link).netloc for link, _ in [*CONVERTED, *IMPOSSIBLE] if "//" in link},
        "x.org",
    ]
)


@given(host=_HOSTS, parts=_PARTS, query=st.text(max_size=12), fragment=st.text(max_size=12))
def test_no_link_of_a_known_site_breaks_us_and_no_conversion_is_converted_again(
    host, parts, query, fragment
):
    found = recognise(f"https://{host}/{'/'.join(parts)}?{query}#{fragment}")
    if found is not None and found.link is not None and found.readable:
        assert urlsplit(found.link).scheme == "https"
        assert data_url(found.link) == found.link


@given(st.text())
def test_no_text_breaks_us(text):
    recognise(text)

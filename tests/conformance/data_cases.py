"""The libraries that lessons read data with, each given an address."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.conformance.registry import Site, case
from tests.conformance.urllib_cases import raises

NAMES = ["Ada", "Grace", "Katherine"]
PANDAS = ("pandas",)


@case(
    each=("people.csv", "people.csv.gz", "people.csv.bz2", "people.csv.xz", "people.csv.zip"),
    needs=PANDAS,
    core=True,
)
def pandas_reads_a_csv_packed_or_not(site: Site, name: str) -> None:
    import pandas as pd

    frame = pd.read_csv(f"{site.local}/files/{name}")
    assert list(frame["name"]) == NAMES
    assert frame["height"].sum() == 496


@case(needs=PANDAS)
def pandas_reads_a_csv_that_the_server_packs(site: Site) -> None:
    import pandas as pd

    assert len(pd.read_csv(site.local + "/negotiated")) == 191


@case(needs=PANDAS)
def pandas_reads_a_packed_csv_that_the_server_calls_encoded(site: Site) -> None:
    import pandas as pd

    assert list(pd.read_csv(site.local + "/stored-packed/people.csv.gz")["name"]) == NAMES


@case(needs=PANDAS)
def pandas_reads_a_packed_csv_by_saying_so(site: Site) -> None:
    import pandas as pd

    frame = pd.read_csv(site.local + "/files/people.csv.gz", compression="gzip")
    assert list(frame["name"]) == NAMES


@case(needs=PANDAS)
def pandas_reads_a_csv_with_headers_of_its_own(site: Site) -> None:
    import pandas as pd

    frame = pd.read_json(site.local + "/echo", storage_options={"X-Key": "abc"}, typ="series")
    assert frame["headers"]["x-key"] == "abc"


@case(needs=PANDAS)
def pandas_reads_a_csv_through_a_redirect(site: Site) -> None:
    import pandas as pd

    assert len(pd.read_csv(site.local + "/redirect?to=/files/people.csv")) == 3


@case(needs=PANDAS)
def pandas_reads_a_csv_in_pieces(site: Site) -> None:
    import pandas as pd

    with pd.read_csv(site.local + "/files/people.csv", chunksize=2) as reader:
        assert [len(piece) for piece in reader] == [2, 1]


@case(needs=PANDAS)
def pandas_reads_a_csv_of_another_separator(site: Site) -> None:
    import pandas as pd

    assert list(pd.read_csv(site.local + "/files/people.tsv", sep="\t")["name"]) == NAMES
    assert list(pd.read_table(site.local + "/files/people.tsv")["name"]) == NAMES


@case(each=("people.json", "people.jsonl"), needs=PANDAS)
def pandas_reads_json(site: Site, name: str) -> None:
    import pandas as pd

    frame = pd.read_json(f"{site.local}/files/{name}", lines=name.endswith("l"))
    assert list(frame["name"]) == NAMES


@case(needs=(*PANDAS, "lxml"))
def pandas_reads_the_tables_of_a_page(site: Site) -> None:
    import pandas as pd

    (table,) = pd.read_html(site.local + "/files/people.html")
    assert list(table["name"]) == NAMES


@case(needs=(*PANDAS, "lxml"))
def pandas_reads_xml(site: Site) -> None:
    import pandas as pd

    assert list(pd.read_xml(site.local + "/files/people.xml")["name"]) == NAMES


@case(needs=PANDAS)
def pandas_reads_columns_of_fixed_width(site: Site) -> None:
    import pandas as pd

    frame = pd.read_fwf(site.local + "/files/people.txt", widths=[12, 5], header=None)
    assert list(frame[0]) == NAMES


@case(needs=PANDAS)
def pandas_reads_a_pickle(site: Site) -> None:
    import pandas as pd

    assert [record["name"] for record in pd.read_pickle(site.local + "/files/people.pkl")] == NAMES


@case(needs=(*PANDAS, "openpyxl"))
def pandas_reads_excel(site: Site) -> None:
    import pandas as pd

    assert list(pd.read_excel(site.local + "/files/people.xlsx")["name"]) == NAMES


@case(needs=PANDAS, core=True)
def pandas_says_that_there_is_no_such_file(site: Site) -> None:
    import pandas as pd

    with raises(HTTPError) as caught:
        pd.read_csv(site.local + "/files/pengiuns.csv")
    assert caught.error.code == 404


@case(needs=PANDAS)
def pandas_says_that_nobody_listens(site: Site) -> None:
    import pandas as pd

    with raises(URLError):
        pd.read_csv(site.refused + "/people.csv")


@case(each=("numbers.txt", "numbers.csv"), needs=("numpy",))
def numpy_reads_text(site: Site, name: str) -> None:
    import numpy as np

    separator = "," if name.endswith("csv") else None
    # It saves what it reads from an address below the working directory.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        array = np.genfromtxt(f"{site.local}/files/{name}", delimiter=separator)
        assert array.shape == (2, 3)
        if separator is None:
            assert np.loadtxt(f"{site.local}/files/{name}").sum() == 21


@case(needs=("numpy",))
def numpy_loads_an_array(site: Site) -> None:
    import numpy as np

    with urlopen(site.local + "/files/numbers.npy") as response:
        assert np.load(io.BytesIO(response.read())).tolist() == [[0, 1, 2], [3, 4, 5]]


@case(needs=("pillow",))
def pillow_opens_an_image(site: Site) -> None:
    from PIL import Image

    with urlopen(site.local + "/files/red.png") as response, Image.open(response) as image:
        assert image.size == (8, 4)
        assert image.convert("RGB").getpixel((0, 0)) == (200, 30, 30)


@case(needs=("pillow", "requests"))
def pillow_opens_an_image_of_requests(site: Site) -> None:
    import requests
    from PIL import Image

    raw = requests.get(site.local + "/files/red.png", timeout=10).content
    assert Image.open(io.BytesIO(raw)).size == (8, 4)
    streamed = requests.get(site.local + "/files/red.png", stream=True, timeout=10).raw
    assert Image.open(io.BytesIO(streamed.read())).size == (8, 4)


@case(needs=("matplotlib", "pillow"))
def matplotlib_shows_an_image(site: Site) -> None:
    import numpy as np
    from PIL import Image

    with urlopen(site.local + "/files/red.png") as response:
        assert np.asarray(Image.open(response)).shape == (4, 8, 3)


@case(needs=("pooch",))
def pooch_retrieves_a_file(site: Site) -> None:
    import pooch

    with tempfile.TemporaryDirectory() as folder:
        path = pooch.retrieve(
            site.local + "/files/people.csv", known_hash=None, path=folder, progressbar=False
        )
        assert Path(path).read_bytes().startswith(b"name")


@case(needs=("fsspec", "aiohttp"))
def fsspec_opens_an_address(site: Site) -> None:
    import fsspec

    with fsspec.open(site.local + "/files/people.csv") as file:
        assert file.read().startswith(b"name,height")
    with fsspec.open(site.local + "/files/people.csv", "rt") as text:
        assert text.readline() == "name,height\n"
    with fsspec.open(site.local + "/files/people.csv.gz", compression="infer") as unpacked:
        assert unpacked.read(4) == b"name"


@case(needs=("fsspec", "aiohttp"))
def fsspec_reads_parts_and_sizes(site: Site) -> None:
    import fsspec

    files = fsspec.filesystem("http")
    address = site.local + "/files/people.csv"
    assert files.cat(address).startswith(b"name,height")
    assert files.cat_file(address + "?ranges=yes", start=5, end=11) == b"height"
    assert files.size(address) == files.info(address)["size"] == 44
    assert files.exists(address)
    assert not files.exists(site.local + "/files/nothing.csv")


@case(needs=("fsspec", "aiohttp"))
def fsspec_says_that_there_is_no_such_file(site: Site) -> None:
    import fsspec

    with raises(FileNotFoundError), fsspec.open(site.local + "/files/nothing.csv") as file:
        file.read()


@case(needs=("fsspec", "aiohttp"))
def fsspec_saves_a_file(site: Site) -> None:
    import fsspec

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        fsspec.filesystem("http").get(site.local + "/files/people.csv", str(path))
        assert path.read_bytes().startswith(b"name")


@case(needs=("seaborn",))
def seaborn_loads_a_dataset(site: Site) -> None:
    from unittest import mock

    import seaborn as sns
    from seaborn import utils

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(utils, "DATASET_SOURCE", site.local + "/files"),
        mock.patch.object(utils, "DATASET_NAMES_URL", site.local + "/files/dataset_names.txt"),
    ):
        frame = sns.load_dataset("people", data_home=folder)
    assert list(frame["name"]) == NAMES


@case(needs=("scikit-learn",))
def sklearn_fetches_from_openml(site: Site) -> None:
    from unittest import mock

    from sklearn.datasets import _openml, fetch_openml

    openml = site.local + "/openml"
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.multiple(
            _openml,
            _DATA_INFO=openml + "/{}",
            _DATA_FEATURES=openml + "/features/{}",
            _DATA_QUALITIES=openml + "/qualities/{}",
        ),
    ):
        people = fetch_openml(data_id=1, as_frame=False, parser="liac-arff", data_home=folder)
    assert people.data.tolist() == [[165.0], [168.0], [163.0]]
    assert list(people.target) == ["yes", "no", "yes"]

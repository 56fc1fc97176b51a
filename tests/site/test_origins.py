"""A site that serves its own Pyodide talks to nobody else."""

import pytest

from tests.browsers.lab import Lab
from tests.site.logging_proxy import LoggingProxy

# Chromium itself asks this one what a form's fields are for, on whatever page has a form.
ERRANDS = {"content-autofill.googleapis.com:443"}

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"


@pytest.fixture(scope="module")
def proxy():
    with LoggingProxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def lab(browser, proxy, site):
    """A page whose every request, and its workers', goes through the proxy."""
    page = browser.new_page(proxy=proxy.url)
    yield Lab.open(page, site.url)
    page.close()


@pytest.fixture(scope="module")
def notebook(lab):
    return lab.open_notebook("Start here.ipynb")


def test_installing_what_the_site_does_not_have_fails_without_asking_anybody(proxy, notebook, site):
    said = notebook.run("%pip install a-package-that-no-site-has").stderr
    assert "ERROR: Could not install" in said
    assert proxy.origins - ERRANDS == {site.url.rstrip("/")}


def test_a_whole_session_asks_nobody_but_the_site_and_what_a_cell_names(
    proxy, notebook, site, data_server
):
    url = data_server.put("/x.csv", "x\n1\n")
    assert notebook.run(f"import pandas as pd\nlen(pd.read_csv({url!r}))").value == "1"
    assert notebook.run(PLOT).png
    notebook.restart_kernel()
    assert notebook.run("1 + 1").value == "2"
    notebook.save()

    assert proxy.origins - ERRANDS == {site.url.rstrip("/"), data_server.url}
    assert [request.path for request in data_server.requests] == ["/x.csv"]
    # The kernel's packages are among them: it is the whole traffic that was seen.
    assert any(address.endswith(".whl") for address in proxy.asked)

from html.parser import HTMLParser

from je_kernel import doctor_report, settings
from je_kernel.settings import Settings


def test_the_report_has_its_parts_in_text_and_in_html():
    report = doctor_report.doctor()
    titles = ["Versions", "Surroundings", "Start-up", "Files", "Sharing", "Settings"]
    assert [section.title for section in report.sections] == titles
    assert all(title in str(report) and title in report._repr_html_() for title in titles)


def test_a_problem_with_a_setting_is_in_the_report(monkeypatch):
    bad = Settings.from_environ({"JE_KERNEL_LOG_LEVEL": "<b>loud</b>"})
    monkeypatch.setattr(settings, "_in_force", bad)
    assert "JE_KERNEL_LOG_LEVEL='<b>loud</b>' is ignored" in str(doctor_report.doctor())


def test_a_left_out_step_that_does_not_exist_is_in_the_report(monkeypatch):
    monkeypatch.setattr(settings, "_in_force", (Settings(skip_steps=("netwrok",)), ()))
    assert "'netwrok', which is no start-up step" in str(doctor_report.doctor())


def test_a_login_in_an_address_is_left_out_of_the_report(monkeypatch):
    variables = {
        "JE_KERNEL_SHARING_URL": "https://jane:secret@share.example/x",
        "JE_KERNEL_RELAY_URL": "https:/jane:secret@relay.example",
    }
    monkeypatch.setattr(settings, "_in_force", Settings.from_environ(variables))
    report = str(doctor_report.doctor())
    assert report.count("https://share.example/x") == 2
    assert "JE_KERNEL_RELAY_URL='https:/relay.example' is ignored" in report
    assert not {word for word in ("jane", "secret") if word in report}


def test_what_a_site_sets_cannot_put_markup_into_the_notebook(monkeypatch):
    monkeypatch.setattr(settings, "_in_force", (Settings(skip_steps=("<script>x()</script>",)), ()))
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)
    parser.feed(doctor_report.doctor()._repr_html_())
    assert "script" not in tags
    assert "table" in tags

import pytest

from je_kernel.settings import Settings, variable_name


def test_an_empty_environment_gives_the_defaults_without_a_problem():
    assert Settings.from_environ({}) == (Settings(), ())


def test_other_peoples_variables_are_not_looked_at():
    assert Settings.from_environ({"HOME": "/", "JE_KERNELS": "x"}) == (Settings(), ())


def test_a_list_is_split_at_commas_and_trimmed():
    settings, problems = Settings.from_environ({"JE_KERNEL_SKIP_STEPS": " network, ,namespace "})
    assert settings.skip_steps == ("network", "namespace")
    assert problems == ()


@pytest.mark.parametrize("value", ["DEBUG", " debug "])
def test_a_choice_is_read_whatever_its_case_and_spaces(value):
    assert Settings.from_environ({"JE_KERNEL_LOG_LEVEL": value})[0].log_level == "debug"


def test_a_bad_value_is_ignored_and_the_problem_names_variable_value_and_remedy():
    settings, (problem,) = Settings.from_environ({"JE_KERNEL_LOG_LEVEL": "loud"})
    assert settings == Settings()
    assert str(problem) == (
        "JE_KERNEL_LOG_LEVEL='loud' is ignored: write one of debug, info, warning, error."
    )


def test_a_misspelt_setting_is_reported():
    _, (problem,) = Settings.from_environ({"JE_KERNEL_LOGLEVEL": "debug"})
    assert "there is no such setting" in str(problem)


def test_variable_names_carry_the_prefix():
    assert variable_name("skip_steps") == "JE_KERNEL_SKIP_STEPS"

"""``je-kernel check``: runs every lesson in the built site, and reports what does not work.

`lesson_browser` runs lessons in a headless browser, `verdicts` judges each cell, `report` shows the
result. `static_checks` predicts verdicts from the code alone.
"""

"""``je-kernel check``: runs every lesson in the built site, and tells the teacher beforehand.

`lesson_browser` runs lessons in a headless browser, `verdicts` says of each cell what came of
it, `report` shows that.
"""

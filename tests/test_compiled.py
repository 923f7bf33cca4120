"""Code that is compiled says so, once for each purpose."""

import logging

import pytest

from omniltv import _compiled


@pytest.mark.parametrize(("progress", "terminal"), [(True, True), (True, False), (False, True)])
def test_a_line_says_that_code_is_compiled(
    progress: bool,
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_compiled, "watched", lambda: terminal)
    _compiled._say_compiling.cache_clear()
    with _compiled.showing(progress), caplog.at_level(logging.INFO, "omniltv"):
        for purpose in ("fits", "NUTS", "fits"):
            _compiled._say_compiling(purpose)
    said = ["code for fits is compiled", "code for NUTS is compiled"]
    assert [record.getMessage().split(",")[0] for record in caplog.records] == said
    lines = capsys.readouterr().err.splitlines()
    expected = [f"omniltv: {line}" for line in said] if progress and terminal else []
    assert [line.split(",")[0] for line in lines] == expected

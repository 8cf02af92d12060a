"""What a form has to carry."""

from __future__ import annotations

from pathlib import Path

from tests.scaffold.samples import committed, planned


def test_forms_without_what_may_be_left_out(tmp_path: Path) -> None:
    """
    A form carries what it has to, and what people say; a file that may be left out does not
    make its route one that nobody can ask.
    """
    (tmp_path / "main.py").write_text(
        "from typing import Annotated\nfrom fastapi import FastAPI, File, Form, UploadFile\n"
        "app = FastAPI()\n"
        "@app.post('/runs/{run}/continue')\n"
        "async def go_on(run: str, tools: str = Form(...), query: str = Form(None)): ...\n"
        "@app.post('/runs')\n"
        "async def start(message: str = Form(...), stream: bool = Form(True),\n"
        "    *, note: Annotated[str, Form()] = 'no', user: Annotated[str, Form()],\n"
        "    files: list[UploadFile] = File(None)): ...\n"
    )
    text = planned(committed(tmp_path)).scenario.text  # type: ignore[union-attr]

    assert "def start(" in text
    assert 'data={"message": "How do refunds work?", "user": "user-1"}' in " ".join(
        text.split()
    ).replace("{ ", "{").replace(", }", "}")

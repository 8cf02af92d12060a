"""The study of verdicts: see ``python -m tools.study --help`` and docs/verdict-study.md."""

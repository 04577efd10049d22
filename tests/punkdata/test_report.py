"""Reports as text, Markdown and JSON."""

from __future__ import annotations

from punkdata.report import Report, Row

SCORES = Report(
    [Row("recall", (0.79, 0.9)), Row("distance", (12.345, None), "lower is better")],
    ("score", "generated", "real"),
    notes=("means over 5 subsets",),
)
FACTS = Report([Row("punks", 10_000), Row("path [x]", "a very long path"), Row("\x1b\x07", "")])


def test_table_with_a_header_aligns_numbers_to_the_right() -> None:
    assert SCORES.to_text().splitlines() == [
        "score     generated    real",
        "recall       0.7900  0.9000",
        "distance      12.35       -  lower is better",
        "",
        "means over 5 subsets",
    ]


def test_facts_are_aligned_to_the_left_and_control_characters_are_escaped() -> None:
    assert FACTS.to_text().splitlines() == [
        "punks     10,000",
        "path [x]  a very long path",
        r"\x1b\x07",
    ]


def test_long_cells_are_folded_to_the_width() -> None:
    assert max(map(len, FACTS.to_text(20).splitlines())) <= 20
    assert "path [x]  a very\n          long path" in FACTS.to_text(20)


def test_markdown_has_the_header_and_the_notes() -> None:
    assert SCORES.to_markdown() == (
        "| score | generated | real |  |\n| --- | --- | --- | --- |\n"
        "| recall | 0.7900 | 0.9000 |  |\n| distance | 12.35 | - | lower is better |\n"
        "\nmeans over 5 subsets\n"
    )


def test_json_has_the_values_of_the_rows_or_other_data() -> None:
    assert SCORES.to_json()["distance"] == {"generated": 12.345, "real": None}
    assert FACTS.to_json()["punks"] == 10_000
    assert Report([Row("punks", 1)], data={"other": 2}).to_json() == {"other": 2}


def test_terminal_leaves_out_rows_that_markdown_shows() -> None:
    report = Report([Row("Pipe", (0.5,)), Row("Vape", (1.0,))], ("label", "AP"), num_brief_rows=1)
    assert "Vape" not in report.to_text()
    assert "Pipe" in report.to_text()
    assert "| Vape | 1.0000 |" in report.to_markdown()


def test_html_is_escaped_and_aligned() -> None:
    page = SCORES.to_html()
    assert page.startswith("<table><thead><tr><th")
    assert page.count("<tr>") == 1 + len(SCORES.rows)
    assert "text-align: right" in page
    facts = Report([Row("<b>", "a & b")], notes=["<i>"]).to_html()
    assert "&lt;b&gt;</th><td" in facts
    assert "a &amp; b</td></tr></tbody></table><p>&lt;i&gt;</p>" in facts
    assert "thead" not in facts

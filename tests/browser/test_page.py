"""The page in a browser: loads in silence, sorts, filters, draws, tells where figures come from, fits a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

RESULTS = "#results-table"
OVERALL = "#overall-table"
SEARCHERS = "#searches-table"
GENERATORS = "#generation-table"


def column(page: Page, table: str, title: str) -> list[str]:
    """The texts of a column; bars and intervals left out."""
    heads = page.locator(f"{table} thead th").all_inner_texts()
    place = [head.strip(" ▲▼") for head in heads].index(title) + 1
    return [text.split(" ")[0] for text in page.locator(f"{table} tbody tr > :nth-child({place})").all_inner_texts()]


def header(page: Page, table: str, title: str) -> Locator:
    return page.locator(f"{table} thead button").get_by_text(title, exact=True)


def sorting(page: Page, table: str, title: str) -> str | None:
    return header(page, table, title).locator("xpath=..").get_attribute("aria-sort")


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


def test_it_loads_in_silence_and_asks_for_nothing(visit, folder: Path) -> None:
    page = visit.open(folder / "local/index.html")
    page.wait_for_selector("#correlation svg")
    page.select_option("#scattered", "synflow")
    page.select_option("#score-axis", "value")
    page.wait_for_selector("#scatter svg")
    assert visit.complaints == []
    assert visit.requests == [(folder / "local/index.html").as_uri()]


def test_names_of_methods_stay_text(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html")
    name = '</script><script>alert("1")</script><img src=x onerror="alert(1)">'
    assert page.locator(f"{OVERALL} tbody th").filter(has_text="alert").first.inner_text() == name
    assert page.locator("img").count() == 0
    assert visit.complaints == []


def test_a_click_sorts_and_another_turns_the_order(page: Page) -> None:
    header(page, RESULTS, "τ").click()
    taus = [float(tau) for tau in column(page, RESULTS, "τ") if tau]
    assert taus == sorted(taus, reverse=True)
    assert sorting(page, RESULTS, "τ") == "descending"
    header(page, RESULTS, "τ").click()
    taus = [float(tau) for tau in column(page, RESULTS, "τ") if tau]
    assert taus == sorted(taus)
    assert sorting(page, RESULTS, "τ") == "ascending"


def test_the_keyboard_sorts_and_the_focus_stays(page: Page) -> None:
    header(page, OVERALL, "Method").focus()
    page.keyboard.press("Enter")
    names = column(page, OVERALL, "Method")
    assert names[-1] == "zen"
    assert sorting(page, OVERALL, "Method") == "ascending"
    page.keyboard.press("Space")
    assert column(page, OVERALL, "Method") == names[::-1]
    expect(header(page, OVERALL, "Method")).to_be_focused()


def test_what_has_no_value_sorts_last_both_ways(page: Page) -> None:
    for _ in range(2):
        header(page, OVERALL, "s/arch").click()
        assert column(page, OVERALL, "s/arch")[-1] == ""
        assert column(page, OVERALL, "s/arch")[0] != ""


def test_pool_task_and_text_filter_the_rows(page: Page) -> None:
    page.select_option("#pool", "predictor, n_train 400")
    page.select_option("#task", "nasbench201-cifar10-test")
    assert column(page, RESULTS, "Method") == ["parzc", "gbdt", "ridge", "params", "flops", "random"]
    assert column(page, RESULTS, "Rank") == ["1", "1", "2", "3", "4", "5"]
    expect(page.locator(f"{RESULTS} .warn")).to_have_text("⚠ 1 of 5 repeats timed out")
    page.fill("#text", "GB")
    assert column(page, RESULTS, "Method") == ["gbdt"]
    expect(page.locator("#results-note")).to_contain_text("1 row")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#results-note")).to_contain_text("36 rows")


def test_the_choice_is_in_the_address(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html")
    page.select_option("#pool", "search, n_train 150")
    page.select_option("#task", "nasbench201-svhn-test")
    fragment = page.evaluate("location.hash")
    again = visit.open(folder / "index.html", "?" + fragment)
    assert again.locator("#pool").input_value() == "search, n_train 150"
    assert again.locator("#task").input_value() == "nasbench201-svhn-test"
    expect(again.locator("#overall-note")).to_contain_text("Ranked by regret_at_1")


def test_all_pools_at_once_name_the_pool_of_each_row(page: Page) -> None:
    page.select_option("#pool", "")
    assert set(column(page, OVERALL, "Pool")) == {"training-free", "predictor,", "search,"}
    assert page.locator(f"{RESULTS} tbody tr").count() == 200


def test_a_long_table_is_cut_until_all_of_it_is_requested(page: Page) -> None:
    page.select_option("#pool", "")
    page.get_by_role("button", name="Show all 204 rows").click()
    expect(page.locator(f"{RESULTS} tbody tr")).to_have_count(204)
    expect(page.locator("#more")).to_be_hidden()


def test_charts_draw_a_mark_for_each_value(visit, folder: Path) -> None:
    marks = {
        "ranks": {"symbol path": 9, "rule line": 9},
        "cost": {"symbol path": 23, "text text": 1},
        "trend": {"symbol path": 15, "area path": 3, "rule line": 4},
        "scatter": {"symbol path": 1000},
        "correlation": {"rect path": 16, "text text": 16},
    }
    page = visit.open(folder / "local/index.html")
    for chart, counts in marks.items():
        page.wait_for_selector(f"#{chart} svg")
        for mark, number in counts.items():
            kind, shape = mark.split()
            drawn = page.locator(f"#{chart} svg g.mark-{kind}.role-mark {shape}").count()
            assert drawn == number, (chart, kind)
        assert page.locator(f"#{chart} svg").get_attribute("role") == "img"


def test_charts_follow_what_is_chosen(visit, folder: Path) -> None:
    page = visit.open(folder / "local/index.html")
    page.select_option("#pool", "training-free with labels")
    expect(page.locator("#ranks svg g.mark-symbol path")).to_have_count(5)
    page.select_option("#cost-axis", "trained_on")
    expect(page.locator("#cost-note")).to_contain_text("30 methods with a recorded cost (architectures trained on)")
    page.select_option("#plotted", "nasbench201-svhn-test")
    expect(page.locator("#scatter svg")).to_have_count(0)
    expect(page.locator("#scatter-note")).to_contain_text("proxybench run --keep-scores")


def test_without_scores_the_page_says_how_to_get_them(page: Page) -> None:
    for chart in ("scatter", "correlation"):
        expect(page.locator(f"#{chart}-note")).to_contain_text("proxybench run --keep-scores")
        expect(page.locator(f"#{chart} svg")).to_have_count(0)


def test_searchers_are_ranked_by_regret_and_tested_against_random_search(page: Page) -> None:
    page.wait_for_selector("#search svg")
    assert [name.split("<")[0] for name in column(page, SEARCHERS, "Searcher")] == ["robot", "random", ""]
    page.select_option("#budget", "100")
    assert column(page, SEARCHERS, "Searcher")[:3] == ["robot", "robot-paper", "random"]
    verdict = page.locator(f"{SEARCHERS} tbody tr").first.locator("td").all_inner_texts()
    assert verdict.count("better (p < .0001)") == 2
    totals = page.locator("#totals-table tbody tr").first
    expect(totals.locator("th")).to_have_text("robot")
    assert totals.locator("td").all_inner_texts()[:4] == ["2 of 2", "0 of 2", "2 of 2", "0 of 2"]


def test_search_curves_follow_what_is_chosen(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html")
    curves = page.locator("#search svg g.mark-line.role-mark path")
    bands = page.locator("#search svg g.mark-area.role-mark path")
    expect(curves).to_have_count(3)
    expect(bands).to_have_count(3)
    page.get_by_role("checkbox", name="Curve of robot", exact=True).uncheck()
    expect(curves).to_have_count(2)
    page.select_option("#search-band", "reported")
    expect(bands).to_have_count(0)
    page.select_option("#search-axis", "seconds")
    expect(page.locator("#search svg")).to_contain_text("simulated training hours")
    page.select_option("#searched", label="nasbench201 svhn test_acc, 200 epochs, seed mean")
    expect(page.locator("#search-axis option")).to_have_count(1)
    expect(page.locator("#search svg")).to_contain_text("trainings")
    assert visit.complaints == []


def test_the_search_that_is_shown_is_in_the_address(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html")
    page.select_option("#budget", "100")
    page.select_option("#search-band", "mean")
    again = visit.open(folder / "index.html", "?" + page.evaluate("location.hash"))
    assert again.locator("#budget").input_value() == "100"
    assert again.locator("#search-band").input_value() == "mean"


def test_generated_architectures_are_shown_with_what_they_win(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html")
    page.wait_for_selector("#generated svg")
    names = column(page, GENERATORS, "Method")
    assert [name.split("<")[0] for name in names] == ["", "evolution", "filter", "unguided"]
    assert column(page, GENERATORS, "Mean rank") == ["310", "410", "1,610", "8,010"]
    assert column(page, GENERATORS, "Ranks gained over filter") == ["1,300", "", "", ""]
    assert column(page, GENERATORS, "Ranks gained over evolution")[0] == "100"
    header(page, GENERATORS, "Mean rank").click()
    assert sorting(page, GENERATORS, "Mean rank") == "ascending"
    assert visit.complaints == []


def test_the_spread_of_what_was_generated_is_drawn_and_is_in_the_address(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html")
    expect(page.locator("#generated svg g.mark-line.role-mark path")).to_have_count(5)
    expect(page.locator("#generated-note")).to_contain_text("Below 90: all 15,625 cells 64 %; unguided 20 %")
    page.select_option("#generation-problem", "nasbench201-svhn-generation")
    assert column(page, GENERATORS, "Mean rank")[0] == "210"
    again = visit.open(folder / "index.html", "?" + page.evaluate("location.hash"))
    assert again.locator("#generation-problem").input_value() == "nasbench201-svhn-generation"
    assert visit.complaints == []


def test_without_searches_there_is_no_section_of_them(visit, without_searches: Path) -> None:
    page = visit.open(without_searches / "index.html")
    expect(page.locator("#searches")).to_be_hidden()
    expect(page.locator("#generation")).to_be_hidden()
    assert visit.complaints == []


def test_searches_without_random_search_are_shown_with_the_rest_of_the_page(visit, without_random: Path) -> None:
    page = visit.open(without_random / "index.html")
    expect(page.locator("#searches-table tbody tr").first).to_contain_text("robot")
    expect(page.locator("#totals-note")).to_have_text("There is no baseline to compare with; run random search.")
    assert visit.complaints == []


def test_details_of_a_figure_are_one_click_away(page: Page) -> None:
    page.select_option("#pool", "predictor, n_train 400")
    button = page.get_by_role("button", name="Details of parzc on nasbench201-cifar10-test")
    button.click()
    dialog = page.get_by_role("dialog", name="parzc on nasbench201-cifar10-test")
    expect(dialog).to_be_visible()
    for text in (
        "timed out",
        "stopped after 600 s",
        "test_acc, 200 epochs, seed mean",
        "all 15,625 cells",
        "by hash order",
        "0123456789abcdef0123456789abcdef",
        "0000000000000000000000000000000000000000",
        "Linux-x86_64-2cpu",
        "2026-01-01T00:00:00+00:00",
    ):
        expect(dialog).to_contain_text(text)
    assert dialog.get_by_role("link").get_attribute("href") == "nasbench201-cifar10-test.csv"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_details_of_a_standing_lead_to_those_of_its_tasks(page: Page) -> None:
    page.get_by_role("button", name="Details of nwot", exact=True).click()
    dialog = page.locator("#details")
    expect(dialog).to_contain_text("of 4 tasks")
    dialog.get_by_role("button", name="Details on nasbench201-svhn-test").click()
    expect(page.locator("#details-title")).to_have_text("nwot on nasbench201-svhn-test")


def test_a_small_screen_scrolls_tables_and_not_the_page(visit, folder: Path) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 800})
    page = visit.open(folder / "local/index.html")
    page.wait_for_selector("#correlation svg")
    for width in (320, 390, 768):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.querySelector('#results-table').scrollWidth > innerWidth")
    page.locator(f"{RESULTS} tbody button").first.click()
    assert page.evaluate("document.querySelector('#details').getBoundingClientRect().right") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(browser: Browser, folder: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector("#ranks svg")
    style = "(node) => getComputedStyle(node)"
    paper = page.locator("body").evaluate(f"({style})(document.body).backgroundColor")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector in ("h1", "#summary", "summary", "#overall-table tbody td", "figcaption", "label", "#totals-note"):
        ink = page.locator(selector).first.evaluate("(node) => getComputedStyle(node).color")
        assert contrast(ink, paper) >= 4.5, selector
    label = page.locator("#ranks svg .role-axis-label text").first.get_attribute("fill")
    assert label == page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    page.close()


def test_a_change_of_scheme_redraws_the_charts(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#ranks svg .role-axis-label text").first).to_have_attribute("fill", "#e8eaed")


def test_it_can_be_read_by_a_screen_reader(page: Page) -> None:
    for table in (OVERALL, RESULTS, SEARCHERS, "#totals-table", GENERATORS):
        assert page.locator(f"{table} thead th:not([scope=col])").count() == 0
        assert page.locator(f"{table} tbody tr:not(:has(th[scope=row]))").count() == 0
    unnamed = "[...document.querySelectorAll('select, input')].filter((node) => !node.labels.length).length"
    assert page.evaluate(unnamed) == 0
    assert (
        page.evaluate(
            "[...document.querySelectorAll('button')].filter((b) => !b.hidden && !b.textContent.trim()).length"
        )
        == 0
    )
    assert page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => h.tagName)[0]") == "H1"
    assert page.get_by_role("region", name="Table of results by task").get_attribute("tabindex") == "0"


def test_the_first_key_stroke_offers_to_skip_to_the_rankings(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the rankings")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#overall")).to_be_focused()


def test_focus_is_visible(page: Page) -> None:
    header(page, OVERALL, "Method").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    outline = header(page, OVERALL, "Method").evaluate("(node) => getComputedStyle(node).outlineStyle")
    assert outline == "solid"

"""The page in a browser: loads in silence, answers at a glance, links to every view, fits any screen."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

RESULTS = "#results-table"
METHODS = "#methods-table"
SEARCHERS = "#searches-table"
GENERATORS = "#generation-table"
NAME = '</script><script>alert("1")</script><img src=x onerror="alert(1)">'
VIEWS = (
    "",
    "#group=predictors",
    "#group=searchers",
    "#view=methods",
    "#view=benchmarks",
    "#view=generation",
    "#view=about",
    "#method=nwot",
    "#benchmark=nasbench201&task=nasbench201-cifar10-test&pool=training-free",
)


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


def texts(page: Page, chart: str) -> list[str]:
    """The texts in a chart."""
    return page.locator(f"{chart} svg text").all_text_contents()


def number(page: Page) -> Locator:
    """The number in the first square of the heat map."""
    return page.locator("#heat svg g.mark-text.role-mark").first.locator("text").first


def test_it_loads_in_silence_and_only_its_own_files(visit, folder: Path) -> None:
    page = visit.front(folder / "local")
    assert visit.requests == [(folder / "local/index.html").as_uri()]
    page.get_by_role("link", name="Benchmarks", exact=True).click()
    page.get_by_role("link", name="nasbench201").click()
    page.wait_for_selector("#correlation svg")
    page.select_option("#scattered", "synflow, published")
    page.select_option("#score-axis", "value")
    page.wait_for_selector("#scatter svg")
    assert visit.complaints == []
    assert visit.requests == [(folder / "local" / name).as_uri() for name in ("index.html", "page/000-nasbench201.js")]


def test_names_of_methods_stay_text_in_every_view(visit, folder: Path) -> None:
    for view in VIEWS:
        page = visit.open(folder / "index.html", view)
        page.wait_for_timeout(150)
        assert page.locator("img").count() == 0
    page.goto(f"{(folder / 'index.html').as_uri()}#view=methods")
    assert page.locator(f"{METHODS} tbody th").filter(has_text="alert").first.inner_text() == f"{NAME}"
    assert visit.complaints == []


def test_the_overview_is_a_heat_map_of_methods_by_benchmarks(page: Page) -> None:
    shown = texts(page, "#heat")
    assert {"nasbench201", "nwot", "synflow", "random", "params"} <= set(shown)
    assert "ridge" not in shown
    squares = page.locator("#heat svg g.mark-rect.role-mark path")
    expect(squares).to_have_count(11)  # eight proxies and three references
    expect(page.locator("#heat-note")).to_contain_text("Mean Kendall's τ")


def test_a_square_says_what_it_is_the_mean_of(page: Page) -> None:
    number(page).hover()
    tooltip = page.locator("#vg-tooltip-element")
    expect(tooltip).to_be_visible()
    expect(tooltip).to_contain_text("4 tasks; n = 15,625")
    expect(tooltip).to_contain_text("nasbench201")


def test_a_click_on_a_square_shows_its_task_and_a_click_on_a_name_the_method(page: Page) -> None:
    number(page).click()
    expect(page.locator("#benchmark-title")).to_have_text("nasbench201")
    page.wait_for_selector("#ranking svg")
    page.go_back()
    page.wait_for_selector("#heat svg")
    page.locator("#heat svg text").get_by_text("nwot", exact=True).click()
    expect(page.locator("#method-title")).to_have_text("nwot")


def test_the_heat_map_can_be_walked_with_the_keyboard(page: Page) -> None:
    stops = page.locator("#heat svg [tabindex='0']")
    expect(stops).to_have_count(1)
    page.locator("#heat-csv").focus()
    page.keyboard.press("Tab")
    first = stops.get_attribute("aria-label")
    assert first is not None
    assert " on nasbench201: " in first
    expect(page.locator("#vg-tooltip-element")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(stops).to_be_focused()
    assert stops.get_attribute("aria-label") != first
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(stops).to_have_attribute("aria-label", first.split(" on ")[0])
    page.keyboard.press("ArrowRight")
    expect(stops).to_have_attribute("aria-label", first)
    page.keyboard.press("Enter")
    expect(page.locator("#benchmark-title")).to_have_text("nasbench201")


def test_groups_and_sizes_have_maps_of_their_own(page: Page) -> None:
    page.get_by_role("link", name="Predictors").click()
    expect(page.locator("#heat svg")).to_contain_text("parzc")
    assert page.locator("#size option").all_inner_texts() == [f"{n} architectures" for n in (20, 50, 100, 200, 400)]
    assert page.locator("#size").input_value() == "100"
    page.select_option("#size", "400")
    assert "n=400" in page.evaluate("location.hash")
    page.get_by_role("link", name="Searchers").click()
    expect(page.locator("#heat svg")).to_contain_text("robot")
    expect(page.locator("#totals-table tbody tr").first.locator("th")).to_have_text("robot")
    assert page.locator("#totals-table tbody tr").first.locator("td").all_inner_texts()[:4] == [
        "2 of 2",
        "0 of 2",
        "2 of 2",
        "0 of 2",
    ]
    number(page).click()
    expect(page.locator("#benchmark-title")).to_have_text("nasbench201")
    assert "problem=nasbench201-cifar10-test" in page.evaluate("location.hash")


def test_average_ranks_name_their_tasks_and_the_critical_difference(page: Page) -> None:
    expect(page.locator("#ranks-rule")).to_contain_text("11 methods on the 4 tasks that all of them have, of 4")
    expect(page.locator("#ranks-note")).to_contain_text("Nemenyi, critical difference")
    expect(page.locator("#ranks-note")).to_contain_text("of 55 pairs")
    expect(page.locator("#ranks svg g.mark-symbol.role-mark path")).to_have_count(11)
    assert [text for text in texts(page, "#ranks") if text.startswith("critical difference")] == [
        f"critical difference {page.locator('#ranks-note').inner_text().split('critical difference ')[1].split(';')[0]}"
    ]


def test_what_is_shown_can_be_had_as_csv(benchmark: Page) -> None:
    with benchmark.expect_download() as waiting:
        benchmark.locator("#results-csv").click()
    with Path(waiting.value.path()).open(newline="") as file:
        head, *rows = list(csv.reader(file))
    assert waiting.value.suggested_filename == "nasbench201-cifar10-test.csv"
    assert head[:3] == ["Rank", "Method", "τ"]
    assert len(rows) == 11


def test_the_map_can_be_had_as_csv(page: Page) -> None:
    with page.expect_download() as waiting:
        page.locator("#heat-csv").click()
    with Path(waiting.value.path()).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["group"], row["benchmark"], row["tasks"]) for row in rows} == {("proxies", "nasbench201", "4")}
    assert len(rows) == 11


def test_a_method_has_its_results_a_snippet_and_where_it_is_good(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html", "#method=nwot")
    page.wait_for_selector("#profile svg")
    assert page.title().startswith("nwot ")
    expect(page.locator("#method-verdict")).to_contain_text("nasbench201 (better than")
    expect(page.locator("#method-snippet")).to_contain_text("nwot")
    expect(page.locator("#method-table tbody tr")).to_have_count(4)
    assert visit.complaints == []


def test_tasks_on_which_a_method_has_no_value_are_counted_not_listed(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html", "#method=gbdt")
    expect(page.locator("#method-table tbody tr")).to_have_count(4 * 5)
    expect(page.locator("#method-without")).to_contain_text("Without a value on 1 task,")


def test_methods_are_found_by_their_names(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html", "#view=methods")
    page.fill("#method-text", "GB")
    assert column(page, METHODS, "Method") == ["gbdt"]


@pytest.mark.parametrize(
    ("view", "wait", "file"),
    [
        ("#benchmark=nasbench201", "#benchmark-wait", "page/000-nasbench201.js"),
        ("#method=nwot", "#method-wait", "page/lines.js"),
    ],
)
def test_a_view_without_its_file_says_what_to_run(
    visit, folder: Path, tmp_path: Path, view: str, wait: str, file: str
) -> None:
    alone = tmp_path / "index.html"
    alone.write_bytes((folder / "index.html").read_bytes())
    page = visit.open(alone, view)
    expect(page.locator(wait)).to_contain_text(file)
    expect(page.locator(wait)).to_contain_text("proxybench leaderboard build")


def test_a_click_sorts_and_another_turns_the_order(benchmark: Page) -> None:
    header(benchmark, RESULTS, "τ").click()
    taus = [float(tau.replace("\N{MINUS SIGN}", "-")) for tau in column(benchmark, RESULTS, "τ") if tau]
    assert taus == sorted(taus, reverse=True)
    assert sorting(benchmark, RESULTS, "τ") == "descending"
    header(benchmark, RESULTS, "τ").click()
    taus = [float(tau.replace("\N{MINUS SIGN}", "-")) for tau in column(benchmark, RESULTS, "τ") if tau]
    assert taus == sorted(taus)
    assert sorting(benchmark, RESULTS, "τ") == "ascending"


def test_the_keyboard_sorts_and_the_focus_stays(benchmark: Page) -> None:
    header(benchmark, RESULTS, "Method").focus()
    benchmark.keyboard.press("Enter")
    names = column(benchmark, RESULTS, "Method")
    assert names[-1] == "zen,"
    assert sorting(benchmark, RESULTS, "Method") == "ascending"
    benchmark.keyboard.press("Space")
    assert column(benchmark, RESULTS, "Method") == names[::-1]
    expect(header(benchmark, RESULTS, "Method")).to_be_focused()


def test_what_has_no_value_sorts_last_both_ways(benchmark: Page) -> None:
    benchmark.select_option("#columns", "cost")
    for _ in range(2):
        header(benchmark, RESULTS, "s/arch").click()
        assert column(benchmark, RESULTS, "s/arch")[-1] == ""
        assert column(benchmark, RESULTS, "s/arch")[0] != ""


def test_task_and_pool_choose_the_rows_and_stand_in_the_address(visit, folder: Path) -> None:
    page = visit.benchmark(folder / "index.html", "&task=nasbench201-cifar10-test&pool=predictor, n_train 400")
    assert column(page, RESULTS, "Method") == ["parzc", "gbdt", "ridge", "params", "flops", "random"]
    assert column(page, RESULTS, "Rank") == ["1", "1", "2", "3", "4", "5"]
    expect(page.locator(f"{RESULTS} .warn")).to_have_text("⚠ 1 of 5 repeats timed out")
    page.select_option("#task", "nasbench201-svhn-test")
    page.select_option("#pool", "search, n_train 150")
    again = visit.open(folder / "index.html", "?" + page.evaluate("location.hash"))
    again.wait_for_selector(f"{RESULTS} tbody tr")
    assert again.locator("#task").input_value() == "nasbench201-svhn-test"
    assert again.locator("#pool").input_value() == "search, n_train 150"


def test_charts_draw_a_mark_for_each_value(visit, folder: Path) -> None:
    marks = {
        "ranking": {"symbol path": 11},
        "cost": {"symbol path": 23},
        "trend": {"symbol path": 15, "area path": 3, "rule line": 4},
        "scatter": {"symbol path": 1000},
        "correlation": {"rect path": 16, "text text": 16},
    }
    page = visit.benchmark(folder / "local/index.html", "&task=nasbench201-cifar10-test&pool=training-free")
    for chart, counts in marks.items():
        page.wait_for_selector(f"#{chart} svg")
        for mark, number in counts.items():
            kind, shape = mark.split()
            drawn = page.locator(f"#{chart} svg g.mark-{kind}.role-mark {shape}").count()
            assert drawn == number, (chart, kind)
        assert page.locator(f"#{chart} svg").get_attribute("role") == "img"


def test_names_in_the_chart_of_costs_do_not_overlap(benchmark: Page) -> None:
    benchmark.wait_for_selector("#cost svg")
    boxes = benchmark.locator("#cost svg g.mark-text.role-mark text").evaluate_all(
        "(nodes) => nodes.map((node) => node.getBoundingClientRect())"
        ".map((box) => [box.left, box.right, box.top, box.bottom])"
    )
    assert boxes
    for number, (left, right, top, bottom) in enumerate(boxes):
        for other_left, other_right, other_top, other_bottom in boxes[:number]:
            assert right <= other_left or other_right <= left or bottom <= other_top + 2 or other_bottom <= top + 2


def test_without_scores_the_page_says_how_to_get_them(benchmark: Page) -> None:
    expect(benchmark.locator("#scores-note")).to_contain_text("proxybench run --keep-scores")
    for hidden in ("#scatter", "#correlation", "#scattered", "#score-axis"):
        expect(benchmark.locator(hidden)).to_be_hidden()


def test_searchers_are_ranked_by_regret_and_tested_against_random_search(benchmark: Page) -> None:
    benchmark.wait_for_selector("#search svg")
    assert column(benchmark, SEARCHERS, "Searcher")[:3] == ["robot", "robot-paper,", "random"]
    verdict = benchmark.locator(f"{SEARCHERS} tbody tr").first.locator("td").all_inner_texts()
    assert verdict.count("better (p < .0001)") == 2
    benchmark.select_option("#budget", "20")
    assert [name.split("<")[0] for name in column(benchmark, SEARCHERS, "Searcher")] == ["robot", "random", ""]


def test_search_curves_follow_what_is_chosen(visit, folder: Path) -> None:
    page = visit.benchmark(folder / "index.html", "&budget=20")
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
    page.select_option("#searched", "nasbench201-svhn-test")
    expect(page.locator("#search-axis option")).to_have_count(1)
    expect(page.locator("#search svg")).to_contain_text("trainings")
    assert visit.complaints == []


def test_generated_architectures_are_shown_with_what_they_win(visit, folder: Path) -> None:
    page = visit.open(folder / "index.html", "#view=generation")
    page.wait_for_selector("#generated svg")
    names = column(page, GENERATORS, "Method")
    assert [name.split("<")[0] for name in names] == ["", "evolution", "filter", "unguided"]
    assert column(page, GENERATORS, "Mean rank") == ["310", "410", "1,610", "8,010"]
    assert column(page, GENERATORS, "Ranks gained over filter") == ["1,300", "", "", ""]
    expect(page.locator("#generated svg g.mark-line.role-mark path")).to_have_count(5)
    expect(page.locator("#generated-note")).to_contain_text("Below 90: all 15,625 cells 64 %; unguided 20 %")
    page.select_option("#generation-problem", "nasbench201-svhn-generation")
    assert column(page, GENERATORS, "Mean rank")[0] == "210"
    assert "problem=nasbench201-svhn-generation" in page.evaluate("location.hash")
    assert visit.complaints == []


def test_without_searches_there_is_no_part_for_them(visit, without_searches: Path) -> None:
    page = visit.benchmark(without_searches / "index.html")
    expect(page.locator("#searches")).to_be_hidden()
    expect(page.locator("#generation-link")).to_be_hidden()
    assert visit.complaints == []


def test_searches_without_random_search_are_shown_with_the_rest_of_the_page(visit, without_random: Path) -> None:
    page = visit.benchmark(without_random / "index.html")
    expect(page.locator(f"{SEARCHERS} tbody tr").first).to_contain_text("robot")
    page.goto(f"{(without_random / 'index.html').as_uri()}#")
    expect(page.get_by_role("link", name="Searchers")).to_have_count(0)
    assert visit.complaints == []


def test_details_of_a_figure_are_one_click_away(visit, folder: Path) -> None:
    page = visit.benchmark(folder / "index.html", "&task=nasbench201-cifar10-test&pool=predictor, n_train 400")
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


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_cut_off_on_a_desktop_and_the_page_never_scrolls_sideways(visit, folder: Path, view: str) -> None:
    page = visit.open(folder / "index.html", view)
    page.wait_for_timeout(400)
    for width in (1400, 768, 420, 320):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
        if width == 1400:
            wide = "[...document.querySelectorAll('.view:not([hidden]) :is(.scroll, .chart)')]"
            cut = page.evaluate(
                f"{wide}.filter((node) => node.scrollWidth > node.clientWidth + 1)"
                ".map((node) => node.outerHTML.slice(0, 80))"
            )
            assert cut == []


def test_the_columns_of_every_choice_fit_a_desktop(benchmark: Page) -> None:
    for columns in ("ranking", "top", "cost"):
        benchmark.select_option("#columns", columns)
        table = benchmark.locator(RESULTS)
        assert table.evaluate("(node) => node.scrollWidth <= node.parentElement.clientWidth"), columns


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(browser: Browser, folder: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector("#heat svg")
    style = "(node) => getComputedStyle(node)"
    paper = page.locator("body").evaluate(f"({style})(document.body).backgroundColor")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector in ("h1", "#summary", "nav a", "figcaption", "label", "#stamp"):
        ink = page.locator(selector).first.evaluate("(node) => getComputedStyle(node).color")
        assert contrast(ink, paper) >= 4.5, selector
    squares = page.locator("#heat svg g.mark-rect.role-mark path").evaluate_all(
        "(nodes) => nodes.map((node) => node.getAttribute('fill'))"
    )
    numbers = (
        page.locator("#heat svg g.mark-text.role-mark")
        .first.locator("text")
        .evaluate_all("(nodes) => nodes.map((node) => getComputedStyle(node).fill)")
    )
    for square, number in zip(squares, numbers, strict=True):
        assert contrast(square.replace(" ", ""), number.replace(" ", "")) >= 4, (square, number)
    page.close()


def test_a_change_of_scheme_redraws_the_charts(page: Page) -> None:
    label = page.locator("#ranks svg .role-axis-label text").first
    page.emulate_media(color_scheme="dark")
    expect(label).to_have_attribute("fill", "#e8eaed")
    page.get_by_role("button", name="Light").click()
    expect(label).to_have_attribute("fill", "#1b1f24")


def test_it_can_be_read_by_a_screen_reader(benchmark: Page) -> None:
    for table in (RESULTS, SEARCHERS):
        assert benchmark.locator(f"{table} thead th:not([scope=col])").count() == 0
        assert benchmark.locator(f"{table} tbody tr:not(:has(th[scope=row]))").count() == 0
    unnamed = "[...document.querySelectorAll('select, input')].filter((node) => !node.labels.length).length"
    assert benchmark.evaluate(unnamed) == 0
    empty = "[...document.querySelectorAll('button')].filter((b) => !b.hidden && !b.textContent.trim()).length"
    assert benchmark.evaluate(empty) == 0
    assert benchmark.locator("h1:visible").count() == 1
    assert benchmark.get_by_role("region", name="Table of results of the task").get_attribute("tabindex") == "0"


def test_the_first_key_stroke_offers_to_skip_to_the_figures(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the figures")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_focus_is_visible(benchmark: Page) -> None:
    header(benchmark, RESULTS, "Method").focus()
    benchmark.keyboard.press("Tab")
    benchmark.keyboard.press("Shift+Tab")
    outline = header(benchmark, RESULTS, "Method").evaluate("(node) => getComputedStyle(node).outlineStyle")
    assert outline == "solid"

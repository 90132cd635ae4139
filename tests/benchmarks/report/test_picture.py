"""Bars as SVG."""

from benchmarks.report.picture import Bar, picture
from tests.benchmarks.svg import NAMESPACE, read, texts

BARS = [Bar("Starlette", 250.4), Bar("<ours> & co", 1000, highlighted=True)]


def test_it_is_well_formed_and_has_a_title_and_each_bar_with_its_label_and_its_number():
    drawn = picture("Time & calls", "µs", BARS)
    assert read(drawn).find(f"{NAMESPACE}title").text == "Time & calls"
    assert texts(drawn) == ["Time & calls", "Starlette", "250 µs", "<ours> & co", "1000 µs"]


def test_bars_are_as_long_as_their_numbers_and_the_one_that_matters_stands_out():
    first, second = read(picture("Time", "µs", BARS)).iter(f"{NAMESPACE}rect")
    assert round(int(second.attrib["width"]) / int(first.attrib["width"]), 1) == 4.0
    assert first.get("fill") != second.get("fill")


def test_the_same_numbers_give_the_same_text():
    assert picture("Time", "µs", BARS) == picture("Time", "µs", list(BARS))


def test_there_may_be_no_bar():
    assert texts(picture("Time", "µs", [])) == ["Time"]

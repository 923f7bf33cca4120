"""Cases B6 and B7: addresses from practice, and what is right."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested

import pytest
from tests.identity.values._lists import grade

from omniltv.identity import normalise


@pytest.mark.parametrize(
    "places",
    [
        ("松山市一番町4丁目4-2", "松山市一番町4丁目4-9"),
        ("札幌市中央区北1条西2丁目1", "札幌市中央区北1条東20丁目3-5"),
        ("旭川市3条通8丁目左1号", "旭川市3条通8丁目右1号"),
        ("札幌市西区二十四軒4条1丁目1-1", "札幌市西区二十四軒4条2丁目1-1"),
        ("岩手県一関市第10地割23番地4", "岩手県一関市第11地割23番地4"),
        ("千代田区三番町5-1", "千代田区三番町6-1"),
        ("仙台市青葉区一番町1-2", "仙台市青葉区二番町1-2"),
        ("長野市甲1234", "長野市乙1234"),
        ("長野市1234番地イ", "長野市1234番地ロ"),
        ("帯広市西5条南20丁目1-1", "帯広市西5条南21丁目1-1"),
        ("豊橋市三ノ輪町1-2", "豊橋市三ノ輪町1-3"),
        ("東京都府中市1-1", "広島県府中市1-1"),
        ("渋谷区道玄坂1-2-3", "渋谷区道玄坂1-23"),
        ("日本橋1-2-3", "日本、橋1-2-3"),
        ("中央区銀座百二十三番地", "中央区銀座百二十四番地"),
        ("港区赤坂5-7-1 101", "港区赤坂5-7-1101"),
        ("港区赤坂5-7-1 101", "港区赤坂5-7-1 102"),
        ("港区赤坂5-7-1-101", "港区赤坂5-7-1-102"),
        ("港区赤坂5-7-1 A棟101", "港区赤坂5-7-1 B棟101"),
        ("5-7-1 101", "5-7-1101"),
        ("10 St Mary’s Road", "10 King’s Road"),
        ("10 St Mary's Road", "110 St Mary's Road"),
        ("Flat 3, 10 King's Road", "Flat 4, 10 King's Road"),
        ("12 High Street", "12 High Road"),
        ("12 North Street", "12 South Street"),
        ("12a High Street", "12b High Street"),
        ("1 Main St Apt 4", "1 Main St Apt 5"),
        ("PO Box 12", "PO Box 13"),
        ("ул. Ленина, 5", "ул. Мира, 5"),
    ],
)
def test_b6_b7_other_addresses_are_different(places: tuple[str, str]) -> None:
    first, second = map(normalise.address, places)
    assert first is not None
    assert second is not None
    assert first != second


@pytest.mark.parametrize(
    "places",
    [
        ("松山市一番町4丁目4-2", "愛媛県松山市1番町四丁目４番２号"),
        (
            "札幌市中央区北1条西2丁目1",
            "札幌市中央区北一条西二丁目一番",
            "北海道札幌市中央区北１条西２－１",
        ),
        ("旭川市3条通8丁目左1号", "旭川市三条通八丁目左1"),
        ("岩手県一関市第10地割23番地4", "一関市第十地割23-4"),
        ("仙台市青葉区一番町三丁目7番1号", "宮城県仙台市青葉区1番町3-7-1"),
        ("中央区銀座百二十三番地", "中央区銀座123"),
        (
            "港区赤坂5-7-1 101",
            "港区赤坂5-7-1 赤坂ビル101号室",
            "港区赤坂5-7-1-101",
            "港区赤坂5丁目7番1号 101",
        ),
        ("港区赤坂5-7-1 12階", "港区赤坂5-7-1 グラントウキョウ12F"),
        ("八王子市大字下恩方町1番地", "東京都八王子市下恩方町1"),
        ("台北市信義區市府路45號", "台北市信義区市府路45号"),
        ("10 St Mary’s Road", "10 Saint Mary's Rd.", "10, st marys road", "10 ST. MARY′S ROAD"),
        ("Flat 3, 10 King’s Road", "10 Kings Road, Flat 3", "10 King's Rd #3"),
        (
            "123 N Main St Apt 4B",
            "123 North Main Street, Apartment #4b",
            "123 N. Main St., Unit 4B",
        ),
        ("1600 Pennsylvania Avenue NW", "1600 Pennsylvania Ave. N.W."),
        ("P.O. Box 12", "PO BOX 12", "P.O Box 12", "Post Box 12"),
        ("Hauptstraße 5", "Hauptstr. 5", "HAUPTSTRASSE 5", "Haupt Str. 5"),
        ("Łąkowa 5", "Lakowa 5"),
        ("No. 5 The Close", "5 The Close"),
    ],
)
def test_b6_b7_one_address_however_it_is_written(places: tuple[str, ...]) -> None:
    assert len({normalise.address(place) for place in places}) == 1
    assert None not in {normalise.address(place) for place in places}


def test_b7_rooms_are_compared_and_a_missing_room_is_no_other_room() -> None:
    address = "港区赤坂5-7-1"
    assert grade("address", address=[f"{address} 101", f"{address}-101"]) == "same house"
    assert grade("address", address=[f"{address} 101", address]) == "same house"
    assert grade("address", address=[f"{address} 101", f"{address} 202"]) == "other room"
    assert grade("address", address=["10 King's Rd", "10 Kings Road, Flat 2"]) == "same house"

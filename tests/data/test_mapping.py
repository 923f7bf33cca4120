# ruff: noqa: ISC004, RUF001 - lists of headers over several lines
"""Headers of other people's exports (case A9), full names, refund marks, and profiles."""

from typing import Any

import pandas as pd
import polars as pl
import pytest

from omniltv.data import ColumnMap, PurchaseLog, check, profile
from omniltv.data.schemas import TableName
from omniltv.errors import ConfigError, DataError

HEADERS: dict[str, tuple[TableName, str, dict[str, Any]]] = {
    "Japanese customer list": (
        "records",
        "会員番号|氏名|フリガナ|電話番号|生年月日|郵便番号|住所|メールアドレス|性別",
        {"record_id": "会員番号", "full_name": "氏名", "full_name_kana": "フリガナ",
         "phone": "電話番号", "birth_date": "生年月日", "postcode": "郵便番号",
         "address": "住所", "email": "メールアドレス", "gender": "性別"},
    ),
    "Japanese point of sale": (
        "purchases",
        "会員番号|購入日時|店舗名|金額|返品|レジ番号",
        {"customer_id": "会員番号", "time": "購入日時", "channel": "店舗名", "value": "金額",
         "refund": "返品"},
    ),
    "Japanese receipts, day and time apart": (
        "purchases",
        "レシート番号|お客様番号|売上日|時刻|店舗コード|お買上金額(税込)",
        {"transaction_id": "レシート番号", "customer_id": "お客様番号",
         "time": ("売上日", "時刻"), "channel": "店舗コード", "value": "お買上金額(税込)"},
    ),
    "Shopify orders": (
        "purchases",
        "Name|Email|Financial Status|Paid at|Currency|Subtotal|Shipping|Taxes|Total|Created at|"
        "Lineitem quantity|Lineitem name|Lineitem price|Billing Name|Refunded Amount|Id",
        {"transaction_id": "Name", "customer_id": "Email", "time": "Created at",
         "value": "Total", "item": "Lineitem name"},
    ),
    "Shopify customers": (
        "records",
        "Customer ID|First Name|Last Name|Email|Default Address Address1|Default Address City|"
        "Default Address Zip|Phone|Total Spent",
        {"record_id": "Customer ID", "family_name": "Last Name", "given_name": "First Name",
         "email": "Email", "phone": "Phone", "postcode": "Default Address Zip",
         "address": ("Default Address Address1", "Default Address City")},
    ),
    "Rakuten orders": (
        "purchases",
        "注文番号|注文日時|注文日|注文時間|商品名|個数|合計金額|請求金額|注文者姓|注文者メールアドレス",
        {"transaction_id": "注文番号", "customer_id": "注文者メールアドレス", "time": "注文日時",
         "value": "請求金額", "item": "商品名"},
    ),
    "EC-CUBE orders": (
        "purchases",
        "注文番号|会員ID|お名前(姓)|お名前(名)|お支払い合計|注文日|商品名|単価|数量",
        {"transaction_id": "注文番号", "customer_id": "会員ID", "time": "注文日",
         "value": "お支払い合計", "item": "商品名"},
    ),
    "EC-CUBE customers": (
        "records",
        "会員ID|お名前(姓)|お名前(名)|お名前(セイ)|お名前(メイ)|郵便番号|都道府県|住所1|住所2|TEL|誕生日",
        {"record_id": "会員ID", "family_name": "お名前(姓)", "given_name": "お名前(名)",
         "family_name_kana": "お名前(セイ)", "given_name_kana": "お名前(メイ)", "phone": "TEL",
         "postcode": "郵便番号", "birth_date": "誕生日", "address": ("都道府県", "住所1", "住所2")},
    ),
    "Magento orders": (
        "purchases",
        "ID|Purchase Point|Purchase Date|Bill-to Name|Grand Total (Base)|"
        "Grand Total (Purchased)|Status|Customer Email",
        {"transaction_id": "ID", "channel": "Purchase Point", "time": "Purchase Date",
         "value": "Grand Total (Purchased)", "customer_id": "Customer Email"},
    ),
    "Square transactions": (
        "purchases",
        "Date|Time|Time Zone|Gross Sales|Net Sales|Tax|Total Collected|Transaction ID|"
        "Location|Event Type|Customer ID|Customer Name",
        {"transaction_id": "Transaction ID", "customer_id": "Customer ID", "channel": "Location",
         "time": ("Date", "Time"), "value": "Total Collected", "refund": "Event Type"},
    ),
    "Salesforce opportunities": (
        "purchases",
        "Opportunity ID|Account ID|Account Name|Close Date|Amount|Stage",
        {"transaction_id": "Opportunity ID", "customer_id": "Account ID", "time": "Close Date",
         "value": "Amount"},
    ),
    "Salesforce contacts": (
        "records",
        "Contact ID|First Name|Last Name|Email|Phone|Mobile|Mailing Street|Mailing City|"
        "Mailing State/Province|Mailing Zip/Postal Code|Birthdate|Account ID",
        {"record_id": "Contact ID", "family_name": "Last Name", "given_name": "First Name",
         "email": "Email", "phone": "Phone", "birth_date": "Birthdate",
         "postcode": "Mailing Zip/Postal Code",
         "address": ("Mailing Street", "Mailing City", "Mailing State/Province")},
    ),
    "UCI Online Retail": (
        "purchases",
        "InvoiceNo|StockCode|Description|Quantity|InvoiceDate|UnitPrice|CustomerID|Country",
        {"transaction_id": "InvoiceNo", "customer_id": "CustomerID", "time": "InvoiceDate",
         "item": "Description", "quantity": "Quantity", "unit_price": "UnitPrice"},
    ),
    "UCI Online Retail II": (
        "purchases",
        "Invoice|StockCode|Description|Quantity|InvoiceDate|Price|Customer ID|Country",
        {"transaction_id": "Invoice", "customer_id": "Customer ID", "time": "InvoiceDate",
         "item": "Description", "quantity": "Quantity", "unit_price": "Price"},
    ),
    "a price without a quantity": (
        "purchases", "Customer ID|Date|Price",
        {"customer_id": "Customer ID", "time": "Date", "value": "Price"},
    ),
    "Google Analytics": (
        "purchases",
        "event_date|event_timestamp|user_pseudo_id|transaction_id|purchase_revenue",
        {"transaction_id": "transaction_id", "customer_id": "user_pseudo_id",
         "time": "event_date", "value": "purchase_revenue"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a9_headers_of_well_known_exports_are_recognised(name: str) -> None:
    table, headers, expected = HEADERS[name]
    known = ColumnMap.recognise(pd.DataFrame(columns=headers.split("|")), table)
    assert dict(known.columns) == expected
    assert ColumnMap.from_yaml(known.to_yaml()) == known


def test_a9_two_headers_of_one_column_are_refused_by_name() -> None:
    frame = pd.DataFrame(columns=["会員番号", "顧客番号", "購入日時", "金額"])
    with pytest.raises(DataError, match="'会員番号', '顧客番号'") as caught:
        ColumnMap.recognise(frame, "purchases")
    assert caught.value.column == "customer_id"
    known = ColumnMap.recognise(frame, "purchases", columns={"customer_id": "顧客番号"})
    assert known.columns["customer_id"] == "顧客番号"
    assert known.unknown(frame) == ("会員番号",)


@pytest.mark.parametrize("build", [pd.DataFrame, pl.DataFrame])
def test_quantity_times_unit_price_is_the_value_of_a_line(build: Any) -> None:
    export = build({
        "Invoice": ["1", "1", "2", "3", "4"],
        "Customer ID": ["17850", "17850", "13047", "13047", None],
        "Date": ["2025-01-05", "2025-01-05", "2025-01-06", "2025-01-07", "2025-01-07"],
        "Qty": ["6", "2", "-1", "a", "1"], "Price": ["2.55", "3", "10", "1", None],
    })  # fmt: skip
    known = ColumnMap.recognise(export, "purchases")
    found = profile(export, "purchases")
    assert [(column.name, column.unread) for column in found.found if column.unread] == [
        ("quantity", 1)
    ]
    checked = check(known.apply(export), "purchases")
    assert checked.valid["value"].to_list() == [15.3, 6.0, -10.0]
    assert checked.valid["customer_id"].to_list() == ["17850", "17850", "13047"]
    assert checked.reasons == {
        "customer_id: missing; unit_price: missing": 1, "quantity: not a number": 1,
    }  # fmt: skip
    assert checked.report.given.value == pytest.approx(11.3)
    assert checked.report.read_as["value"] == "quantity times unit_price"


def test_a_quantity_without_a_price_is_no_value_and_a_total_comes_first() -> None:
    headers = ["Customer ID", "Date", "Quantity", "Qty", "Lineitem price", "Total"]
    frame = pd.DataFrame(columns=headers)
    assert ColumnMap.recognise(frame, "purchases").columns["value"] == "Total"
    pair = {"quantity": "Qty", "unit_price": "Lineitem price"}
    assert "value" not in ColumnMap.recognise(frame, "purchases", columns=pair).columns
    with pytest.raises(ValueError, match="quantity is without unit_price"):
        ColumnMap(table="purchases", columns={"quantity": "Qty"})


def test_a_map_that_does_not_fit_is_refused() -> None:
    frame = pd.DataFrame({"No": ["1"], "value": ["2"]})
    with pytest.raises(DataError, match="no such column"):
        ColumnMap(table="purchases", columns={"customer_id": "Nr"}).apply(frame)
    with pytest.raises(ValueError, match="has no column 'client'"):
        ColumnMap(table="purchases", columns={"client": "No"})
    with pytest.raises(ConfigError, match="has no column 'client'"):
        ColumnMap.recognise(frame, "purchases", columns={"client": "No"})
    with pytest.raises(ConfigError, match="has no column 'client'"):
        ColumnMap.from_yaml("table: purchases\ncolumns: {client: Nr}")
    with pytest.raises(DataError, match="not in the map") as caught:
        ColumnMap(table="purchases", columns={"value": "No"}).apply(frame)
    assert caught.value.column == "value"
    with pytest.raises(DataError, match="no header is known"):
        ColumnMap.recognise(pd.DataFrame(columns=["x", "y"]), "records")


@pytest.mark.parametrize("build", [pd.DataFrame, pl.DataFrame])
def test_a_japanese_export_goes_from_headers_to_a_log(build: Any) -> None:
    export = build({
        "会員番号": ["007", "007", "008", "007"],
        "購入日": ["2025/1/5", "2025/2/5", "2025/1/6", "2025/2/6"],
        "時刻": ["9:05", "16:00", None, "10:00"],
        "金額（税込）": ["1,200円", "300円", "500円", "300円"],
        "返品": ["", "0", None, "返品"],
        "レジ": ["1", "2", "3", "2"],
    })  # fmt: skip
    known = ColumnMap.recognise(export, "purchases", constants={"channel": "store"})
    assert known.unknown(export) == ("レジ",)
    mapped = known.apply(export)
    assert type(mapped) is type(export)
    log = PurchaseLog.from_frame(mapped)
    assert log.channels == ("store",)
    assert log.value.sum() == 1700.0
    assert log.time.min().item().hour == 9


def test_full_names_are_split_where_they_can_be() -> None:
    names = ["山田　花子", "山田花子", "Ann B. Lee", "Lee, Ann", None, "김 민수"]
    known = ColumnMap(table="records", columns={"record_id": "No", "full_name": "氏名"})
    mapped = known.apply(pd.DataFrame({"No": [*"123456"], "氏名": names}))
    assert mapped["family_name"].tolist() == ["山田", "山田花子", "Lee", "Lee", None, "김"]
    assert mapped["given_name"].tolist() == ["花子", None, "Ann B.", "Ann", None, "민수"]


def test_a_profile_says_what_is_read_and_what_is_lost() -> None:
    export = pd.DataFrame({
        "会員番号": ["1", "2", None], "購入日": ["25/01/2025", "02/03/2025", "x"],
        "金額": ["1,200", "-", "5"], "メモ": ["", "", ""],
    })  # fmt: skip
    found = profile(export, "purchases")
    text = repr(found)
    assert "not used: メモ" in text
    assert "day first" in text
    assert "sum 1,205" in text
    assert found.report is not None
    assert found.report.kept.rows == 1
    table = found.to_frame().set_index("name")
    assert table.loc["time", "unread"] == 1
    assert table.loc["customer_id", "missing"] == 1


def test_a_profile_says_why_a_table_cannot_be_read() -> None:
    assert "needed, but not there: time" in repr(
        profile(pd.DataFrame({"customer_id": [1]}), "purchases")
    )
    open_order = pd.DataFrame({"customer_id": ["1"], "time": ["01/02/2025"]})
    assert 'Formats(dates="dmy")' in repr(profile(open_order, "purchases"))
    assert "no header is known" in repr(profile(pd.DataFrame({"x": [1]}), "records"))


def test_a_profile_shows_no_personal_data() -> None:
    frame = pd.DataFrame({"source": ["pos"], "record_id": ["1"], "family_name": ["Secretson"]})
    assert "Secretson" not in repr(profile(frame, "records"))


def test_check_takes_a_mapped_table_as_it_is() -> None:
    frame = pd.DataFrame({"Order ID": ["1"], "Customer ID": ["c"], "Date": ["2025/1/5"]})
    assert len(check(ColumnMap.recognise(frame, "purchases").apply(frame), "purchases").valid) == 1

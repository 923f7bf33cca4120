"""Exports of tills and shops as they are written in the world, made from one list of orders.

The forms follow public descriptions of point-of-sale systems, Shopify, Rakuten, EC-CUBE,
Magento, Square, Salesforce, Google Analytics and the habits of Excel; the orders are made up.
"""

# ruff: noqa: RUF001 - the signs of several scripts are what this file is about

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from omniltv.data import Formats

__all__ = ["EXPORTS", "Export", "Order", "orders"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times, as exports have them
_EXCEL = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel days have no time zone
_JAPAN = timezone(timedelta(hours=9))
_FULL_WIDTH = str.maketrans("0123456789/:,¥ ", "０１２３４５６７８９／：，￥　")
_MONTHS_DE = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
_MONTHS_FR = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."
_MONTHS_ES = (
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)

type Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Order:
    """An order: number, customer, local time to the minute, and the prices of its articles."""

    number: str
    customer: str
    time: datetime
    prices: tuple[float, ...]

    @property
    def total(self) -> float:
        """The value of the order."""
        return round(sum(self.prices), 2)


@dataclass(frozen=True)
class Export:
    """An export in one form, and what it should become.

    Attributes:
        name: The form.
        write: Writes orders as the bytes of a file, or as a frame.
        suffix: Ending of the file's name.
        cents: Whether amounts have decimals.
        columns: Headers that the user has to name, by column.
        formats: What the user has to say of dates and amounts.
        options: Other arguments of `PurchaseLog.from_frame`.
        aside: Number of rows that are set aside for a reason.
        refused: Part of the error if the right answer is to ask the user.
        to_the_day: Whether the form has no time of day.
        lost: Number of orders, the first ones, that should not be in the result.
    """

    name: str
    write: Callable[[Sequence[Order]], bytes | pd.DataFrame]
    suffix: str = ".csv"
    cents: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = field(default_factory=Formats)
    options: Mapping[str, Any] = field(default_factory=dict)
    aside: int = 0
    refused: str = ""
    to_the_day: bool = False
    lost: int = 0


def orders(n_orders: int, *, cents: bool, seed: int) -> list[Order]:
    """Return made-up orders of 2024 and 2025 in order of time."""
    rng = np.random.default_rng(seed)
    minutes = np.sort(rng.choice(2 * 365 * 1_440, n_orders, replace=False))
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - local times, as exports have them
    found = []
    for place, minute in enumerate(minutes.tolist()):
        prices = np.exp(rng.normal(7.0, 1.0, rng.integers(1, 4)))
        prices = np.maximum(np.round(prices, 2), 0.25) if cents else np.round(prices) + 1
        customer = f"{rng.integers(1, n_orders // 3):05d}"
        time = start + timedelta(minutes=minute)
        found.append(Order(f"{place + 1:06d}", customer, time, tuple(prices.tolist())))
    return found


def _text(
    headers: str, rows: Iterable[Row], *, encoding: str = "utf-8", delimiter: str = ","
) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(headers.split("|"))
    writer.writerows(rows)
    return file.getvalue().encode(encoding)


def _en(value: float) -> str:
    return f"{value:,.2f}"


def _eu(value: float) -> str:
    return _en(value).translate(str.maketrans(",.", ".,"))


def _yen(value: float) -> str:
    return f"{value:,.0f}"


def _slash(time: datetime) -> str:
    return f"{time.year}/{time.month}/{time.day} {time.hour}:{time:%M}"


def _each(
    headers: str,
    time: Callable[[datetime], object],
    value: Callable[[float], object],
    *,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Callable[[Sequence[Order]], bytes]:
    """Return the writer of one row per order: number, customer, time and value."""

    def write(given: Sequence[Order]) -> bytes:
        rows = ([o.number, o.customer, time(o.time), value(o.total)] for o in given)
        return _text(headers, rows, encoding=encoding, delimiter=delimiter)

    return write


def _lines(
    headers: str, time: Callable[[datetime], object], value: Callable[[float], object]
) -> Callable[[Sequence[Order]], bytes]:
    """Return the writer of one row per article."""

    def write(given: Sequence[Order]) -> bytes:
        rows = (
            [o.number, o.customer, time(o.time), f"article {place}", value(price)]
            for o in given
            for place, price in enumerate(o.prices)
        )
        return _text(headers, rows)

    return write


def _named(months: str, form: str) -> Callable[[datetime], str]:
    names = months.split()
    return lambda time: form.format(d=time.day, m=names[time.month - 1], y=time.year)


def _apart(
    day: str, clock: str, value: Callable[[float], str], headers: str
) -> Callable[[Sequence[Order]], bytes]:
    def write(given: Sequence[Order]) -> bytes:
        rows = (
            [o.number, o.customer, o.time.strftime(day), o.time.strftime(clock), value(o.total)]
            for o in given
        )
        return _text(headers, rows)

    return write


def _refunded(given: Sequence[Order], *, mark: str, reference: bool) -> bytes:
    """Return a till's export in which the first order is bought twice and one is returned."""
    first = given[0]
    twin = ["R00001", first.customer, _slash(first.time + timedelta(minutes=2))]
    amount = _yen(first.total)
    rows: list[Row] = [[o.number, o.customer, _slash(o.time), _yen(o.total), ""] for o in given]
    rows.append([*twin, amount, ""])
    back = ["R00002", first.customer, _slash(first.time + timedelta(minutes=9))]
    rows.append([*back, mark.format(amount), "R00001" if reference else ""])
    return _text("伝票番号|会員番号|購入日時|金額|元伝票番号", rows, encoding="cp932")


def _flagged(given: Sequence[Order]) -> bytes:
    first = given[0]
    rows: list[Row] = [[o.customer, _slash(o.time), _yen(o.total), "0"] for o in given]
    later = (first.time + timedelta(minutes=minute) for minute in (2, 9))
    rows += [
        [first.customer, _slash(time), _yen(first.total), flag]
        for time, flag in zip(later, "01", strict=True)
    ]
    return _text("会員番号|購入日時|金額|返品フラグ", rows, encoding="cp932")


def _shopify(given: Sequence[Order]) -> bytes:
    """Return orders with a row per article; the total stands in the first row only."""
    rows = []
    for order in given:
        time = order.time.replace(tzinfo=_JAPAN).strftime("%Y-%m-%d %H:%M:%S %z")
        mail = f"c{order.customer}@example.com"
        for place, price in enumerate(order.prices):
            total = f"{order.total:.2f}" if place == 0 else ""
            rows.append([f"#{order.number}", mail, total, time, f"article {place}", f"{price:.2f}"])
    return _text("Name|Email|Total|Created at|Lineitem name|Lineitem price", rows)


def _repeated_totals(given: Sequence[Order]) -> bytes:
    """Return orders with a row per article and the order's total in each."""
    rows = (
        [o.number, o.customer, f"{o.time:%Y/%m/%d %H:%M:%S}", f"商品{place}", _yen(o.total)]
        for o in given
        for place in range(len(o.prices))
    )
    return _text("注文番号|会員ID|注文日|商品名|お支払い合計", rows)


def _priced(
    headers: str, time: Callable[[datetime], str], price: Callable[[float], str]
) -> Callable[[Sequence[Order]], bytes]:
    """Return the writer of one row per article, with a quantity and a price instead of a value.

    The first order is written twice, and cancelled once without a reference. Ids of customers
    are as pandas writes integers with gaps: ``17850.0``.
    """

    def write(given: Sequence[Order]) -> bytes:
        first, rows = given[0], []
        twin = replace(first, number="536365", time=first.time + timedelta(minutes=2))
        back = replace(first, number="C536366", time=first.time + timedelta(minutes=9))
        for order in (*given, twin, back):
            sign = -1 if order is back else 1
            for place, total in enumerate(order.prices):
                count = 2 if round(total * 100) % 2 == 0 else 1
                head = [order.number, f"{place:05}A", sign * count, time(order.time)]
                rows.append([*head, price(total / count), f"{int(order.customer)}.0"])
        return _text(headers, rows)

    return write


def _twice(given: Sequence[Order]) -> bytes:
    """Return two monthly exports with a week in common, one after the other."""
    rows = [[o.number, o.customer, _slash(o.time), _yen(o.total)] for o in given]
    return _text("伝票番号|会員番号|購入日時|金額", [*rows, *rows[-20:]], encoding="cp932")


def _with_sum(given: Sequence[Order]) -> bytes:
    rows: list[Row] = [[o.number, o.customer, _slash(o.time), _yen(o.total)] for o in given]
    rows.append(["合計", "", "", _yen(sum(o.total for o in given))])
    return _text("伝票番号|会員番号|購入日時|金額", rows, encoding="cp932")


def _two_currencies(given: Sequence[Order]) -> bytes:
    rows: list[Row] = [
        [o.number, o.customer, _slash(o.time), f"{'$' if place < 5 else '¥'}{_yen(o.total)}"]
        for place, o in enumerate(given)
    ]
    return _text("order id|customer id|created at|total", rows)


def _two_systems(given: Sequence[Order]) -> bytes:
    """Return a column that a till writes with slashes and a shop in ISO 8601."""
    rows = (
        [o.number, o.customer, _slash(o.time) if place % 2 else o.time.isoformat(), _yen(o.total)]
        for place, o in enumerate(given)
    )
    return _text("取引番号|顧客ID|取引日時|金額", rows)


def _half_converted(given: Sequence[Order]) -> bytes:
    """Return dates of which Excel has turned a half into day numbers."""
    rows = (
        [o.number, o.customer, _serial(o.time) if place % 2 else _slash(o.time), _yen(o.total)]
        for place, o in enumerate(given)
    )
    return _text("取引番号|顧客ID|取引日時|金額", rows)


def _serial(time: datetime) -> str:
    return f"{(time - _EXCEL) / timedelta(days=1):.9f}"


def _workbook(given: Sequence[Order]) -> bytes:
    file = io.BytesIO()
    frame = _frame(given).rename(
        columns={"transaction_id": "伝票番号", "customer_id": "会員番号", "time": "購入日時",
                 "value": "金額"}
    )  # fmt: skip
    frame.to_excel(file, index=False, engine="openpyxl")
    return file.getvalue()


def _parquet(given: Sequence[Order]) -> bytes:
    file = io.BytesIO()
    _frame(given).to_parquet(file)
    return file.getvalue()


def _frame(given: Sequence[Order]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "transaction_id": [o.number for o in given],
            "customer_id": [o.customer for o in given],
            "time": pd.to_datetime([o.time for o in given]),
            "value": [o.total for o in given],
        }
    )


def _without_ids(given: Sequence[Order]) -> bytes:
    rows = ([o.customer, _slash(o.time), _yen(o.total)] for o in given)
    return _text("会員番号|購入日時|金額", rows, encoding="cp932")


def _remarked(given: Sequence[Order]) -> bytes:
    rows = ([f"{o.time:%Y%m%d}", o.customer, o.number, f"{o.total:.2f}"] for o in given)
    table = _text("event_date|user_pseudo_id|transaction_id|purchase_revenue", rows)
    return b"# ----------\r\n# Purchases\r\n# 20240101-20251231\r\n" + table


def _ticks(per_second: int, given: Sequence[Order]) -> bytes:
    def ticks(time: datetime) -> int:
        return int((time - _EPOCH).total_seconds()) * per_second

    rows = ([o.number, o.customer, ticks(o.time), f"{o.total:.2f}"] for o in given)
    return _text("order id|user id|timestamp|revenue", rows)


def _zoned(given: Sequence[Order]) -> bytes:
    def utc(time: datetime) -> str:
        return time.replace(tzinfo=_JAPAN).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    rows = ([o.number, o.customer, utc(o.time), f"USD {_en(o.total)}"] for o in given)
    return _text("Opportunity ID|Account ID|Created Date|Amount", rows)


def _ambiguous(given: Sequence[Order]) -> bytes:
    early = [replace(o, time=o.time.replace(day=1 + o.time.day % 12)) for o in given]
    return _each("order id|customer id|date|total", _strf("%d/%m/%Y"), _en)(early)


def _strf(form: str) -> Callable[[datetime], str]:
    return lambda time: time.strftime(form)


_TILL = "伝票番号|会員番号|購入日時|金額"
_SHOP = "order id|customer id|created at|total"
_TOKYO = {"timezone": "Asia/Tokyo"}
_EURO = partial(Export, cents=True, to_the_day=True)

EXPORTS: tuple[Export, ...] = (
    Export("till: 2025/1/5 9:05, 1,200, CP932", _each(_TILL, _slash, _yen, encoding="cp932")),
    Export("till: EUC-JP, tabs", _each(_TILL, _slash, _yen, encoding="euc_jp", delimiter="\t")),
    Export(
        "till: 2025年1月5日 16時16分, 1,200円",
        _each(
            _TILL,
            lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}時{t.minute}分",
            lambda v: f"{_yen(v)}円",
            encoding="cp932",
        ),
    ),
    Export(
        "till: R7.1.5",
        _each(_TILL, lambda t: f"R{t.year - 2018}.{t.month}.{t.day}", _yen),
        to_the_day=True,
    ),
    Export(
        "till: 令和7年1月5日(日) 午後3時05分, 1200円(税込)",
        _each(
            _TILL,
            lambda t: (
                f"令和{t.year - 2018}年{t.month}月{t.day}日({'月火水木金土日'[t.weekday()]}) "
                f"{'午前' if t.hour < 12 else '午後'}{t.hour % 12}時{t:%M}分"
            ),
            lambda v: f"{v:.0f}円(税込)",
        ),
    ),
    Export(
        "till: full width",
        _each(
            _TILL,
            lambda t: _slash(t).translate(_FULL_WIDTH),
            lambda v: f"¥{_yen(v)}".translate(_FULL_WIDTH),
            encoding="cp932",
        ),
    ),
    Export(
        "till: day and time apart",
        _apart("%Y/%m/%d", "%H:%M", _yen, "伝票番号|会員番号|売上日|時刻|金額"),
    ),
    Export(
        'till: 20250105, ids as ="00007"',
        lambda given: _text(
            "レシート番号|お客様番号|取引日|お買上金額",
            (
                [f'="{o.number}"', f'="{o.customer}"', f"{o.time:%Y%m%d}", f"{o.total:.0f}"]
                for o in given
            ),
        ),
        to_the_day=True,
    ),
    Export("till: ▲1,200 with its receipt", partial(_refunded, mark="▲{}", reference=True)),
    Export("till: -1,200 without a receipt", partial(_refunded, mark="-{}", reference=False)),
    Export("till: (1,200) with its receipt", partial(_refunded, mark="({})", reference=True)),
    Export("till: 1,200- without a receipt", partial(_refunded, mark="{}-", reference=False)),
    Export("till: returns marked by a flag", _flagged),
    Export("till: no receipt numbers", _without_ids),
    Export(
        "till: a row per article",
        _lines("伝票番号|会員番号|購入日時|商品名|金額", _slash, _yen),
    ),
    Export("till: two exports that overlap", _twice, aside=20),
    Export("till: a sum in the last row", _with_sum, aside=1),
    Export("till and shop in one column", _two_systems),
    Export(
        "Rakuten: 注文日時, 請求金額",
        lambda given: _text(
            "注文番号|注文日時|注文日|注文時間|合計金額|請求金額|注文者メールアドレス",
            (
                [f"300001-{o.number}", f"{o.time:%Y-%m-%d %H:%M:%S}", f"{o.time:%Y-%m-%d}",
                 f"{o.time:%H:%M:%S}", f"{o.total + 500:.0f}", f"{o.total:.0f}",
                 f"c{o.customer}@example.com"]
                for o in given
            ),
            encoding="cp932",
        ),
    ),
    Export(
        "EC-CUBE: one row per order",
        _each("注文番号|会員ID|注文日|お支払い合計", _strf("%Y/%m/%d %H:%M:%S"), _yen),
    ),
    Export(
        "EC-CUBE: the total in the row of each article",
        _repeated_totals,
        options={"rows": "tickets"},
        aside=-1,
    ),
    Export(
        "Shopify: the total in the first row only",
        _shopify,
        cents=True,
        options=_TOKYO,
        aside=-1,
    ),
    Export(
        "Shopify: prices of articles",
        _shopify,
        cents=True,
        options={**_TOKYO, "rows": "lines"},
        columns={"value": "Lineitem price"},
    ),
    Export(
        "UCI Online Retail: Quantity, UnitPrice, 17850.0, 12/1/2010 8:26",
        _priced(
            "InvoiceNo|StockCode|Quantity|InvoiceDate|UnitPrice|CustomerID",
            lambda t: f"{t.month}/{t.day}/{t.year} {t.hour}:{t:%M}",
            lambda v: f"{v:.2f}",
        ),
        cents=True,
    ),
    Export(
        "till: 数量, 単価",
        _priced(
            "伝票番号|商品コード|数量|購入日時|単価(税込)|会員番号",
            _slash,
            lambda v: f"{v:,.2f}円",
        ),
        cents=True,
    ),
    Export(
        "Magento: Jan 5, 2025, 9:05:12 AM, $1,200.50",
        _each(
            "ID|Customer Email|Purchase Date|Grand Total (Purchased)",
            lambda t: f"{t:%b} {t.day}, {t.year}, {t.hour % 12 or 12}:{t:%M:%S %p}",
            lambda v: f"${_en(v)}",
        ),
        cents=True,
    ),
    Export(
        "Magento: 5. Januar 2025, 1.200,50 €",
        _each(
            "ID|Customer Email|Purchase Date|Grand Total (Purchased)",
            _named(_MONTHS_DE, "{d}. {m} {y}"),
            lambda v: f"{_eu(v)} €",
        ),
        cents=True,
        to_the_day=True,
    ),
    Export(
        "Square: 01/05/2025 and 9:05:12 AM, $1,200.50",
        _apart(
            "%m/%d/%Y", "%I:%M:%S %p", lambda v: f"${_en(v)}",
            "Transaction ID|Customer ID|Date|Time|Total Collected",
        ),
        cents=True,
    ),
    Export(
        "Square: 05/01/2025, £1,200.50",
        _each(
            "Transaction ID|Customer ID|Date|Total Collected",
            _strf("%d/%m/%Y"),
            lambda v: f"£{_en(v)}",
        ),
        cents=True,
        to_the_day=True,
    ),
    Export(
        "Salesforce: 5.1.2025, EUR 1.200,50",
        _each(
            "Opportunity ID|Account ID|Close Date|Amount",
            lambda t: f"{t.day}.{t.month}.{t.year}",
            lambda v: f"EUR {_eu(v)}",
            delimiter=";",
        ),
        cents=True,
        to_the_day=True,
    ),
    Export("Salesforce: 2025-01-05T00:05:00.000+0000", _zoned, cents=True, options=_TOKYO),
    Export("Google Analytics: remarks, 20250105", _remarked, cents=True, to_the_day=True),
    Export(
        "Google Analytics: microseconds since 1970",
        partial(_ticks, 1_000_000),
        cents=True,
        formats=Formats(dates="microseconds"),
        options={"timezone": "UTC"},
    ),
    Export(
        "log: seconds since 1970",
        partial(_ticks, 1),
        cents=True,
        formats=Formats(dates="seconds"),
        options={"timezone": "UTC"},
    ),
    Export(
        "log: 05/Jan/2025:09:05:00 +0000",
        _each(_SHOP, _strf("%d/%b/%Y:%H:%M:%S +0000"), _en),
        cents=True,
        options={"timezone": "UTC"},
    ),
    Export(
        "mail: Sun, 05 Jan 2025 09:05:00 +0000",
        _each(_SHOP, _strf("%a, %d %b %Y %H:%M:%S +0000"), _en),
        cents=True,
        options={"timezone": "UTC"},
    ),
    Export("Excel: a workbook", _workbook, suffix=".xlsx"),
    Export("Excel: day numbers", _each(_TILL, _serial, _yen)),
    Export("Excel: a half turned into day numbers", _half_converted),
    Export(
        "Excel: Unicode text",
        _each(_TILL, _slash, _yen, encoding="utf-16", delimiter="\t"),
        suffix=".txt",
    ),
    Export("Excel: UTF-8 with a mark", _each(_TILL, _slash, _yen, encoding="utf-8-sig")),
    _EURO(
        "Excel, US: 1/5/25, (accounting)",
        _each(_SHOP, lambda t: f"{t.month}/{t.day}/{t:%y}", lambda v: f" ${_en(v)} "),
    ),
    _EURO("Excel, UK: 05-Jan-25", _each(_SHOP, _strf("%d-%b-%y"), lambda v: f"£{_en(v)}")),
    _EURO(
        "Excel, Germany: 05.01.25, 1.200,50",
        _each(_SHOP, _strf("%d.%m.%y"), _eu, delimiter=";", encoding="cp1252"),
        formats=Formats(dates="dmy"),
    ),
    _EURO(
        "SAP: 05.01.2025, 1.200,50",
        _each("Order No|Customer No|Date|Amount", _strf("%d.%m.%Y"), _eu, delimiter=";"),
    ),
    _EURO(
        "Switzerland: CHF 1'200.50",
        _each(_SHOP, _strf("%d.%m.%Y"), lambda v: f"CHF {_en(v).replace(',', chr(39))}"),
    ),
    _EURO(
        "France: 5 janv. 2025, 1 200,50 €",
        _each(
            _SHOP,
            _named(_MONTHS_FR, "{d} {m} {y}"),
            lambda v: f"{_en(v).translate(str.maketrans(',.', '\u202f,'))} €",
            delimiter=";",
        ),
    ),
    _EURO(
        "Spain: 5 de enero de 2025, 1.200,50",
        _each(_SHOP, _named(_MONTHS_ES, "{d} de {m} de {y}"), _eu, delimiter=";"),
    ),
    Export(
        "Sweden: 2025-01-05 09.05, 1 200,50 kr",
        _each(
            _SHOP,
            _strf("%Y-%m-%d %H.%M"),
            lambda v: f"{_en(v).translate(str.maketrans(',.', '\u00a0,'))} kr",
        ),
        cents=True,
    ),
    Export("Parquet with types", _parquet, suffix=".parquet", cents=True),
    Export("a frame with types", _frame, cents=True),
    Export("five orders in dollars among yen", _two_currencies, aside=5, lost=5),
    _EURO("no day above 12: 05/01/2025", _ambiguous, refused='Formats(dates="dmy")'),
    Export(
        "only 1.200: decimals or thousands?",
        _each(_SHOP, _slash, lambda v: _yen(1_000 + v % 9_000).replace(",", ".")),
        refused='Formats(decimal=".")',
    ),
    Export(
        "two headers that may be the customer",
        _each("会員番号|顧客番号|購入日時|金額", _slash, _yen),
        refused="会員番号",
    ),
)  # fmt: skip
"""The exports."""

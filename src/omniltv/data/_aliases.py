"""Names that exports give to our columns, in Japanese and English.

They come from the public documentation of Shopify, Rakuten, EC-CUBE, Magento, Square,
Salesforce and Google Analytics, and from the habits of Japanese point-of-sale systems. Each
column has ranks of names: a name of the first rank is preferred to one of the second.
"""

# ruff: noqa: E501, ISC004, RUF002 - full-width names, one row of the lists per column and rank

import re
import unicodedata
from collections.abc import Mapping

__all__ = ["CLOCKS", "PARTS", "aliases_of", "plain_header", "plain_headers"]

type RankedNames = tuple[str, ...]

_REMARK = re.compile(r"\((?:税込み?|税抜き?|税別|円|必須|[¥$€£]|jpy|usd|eur|gbp)\)")

_CUSTOMER: RankedNames = (
    "customer id|顧客ID|顧客番号|顧客コード|会員ID|会員番号|会員コード|会員No|お客様番号|お客様ID|"
    "カード会員番号|customer|customer no|customer number|customer code|member id|member no|"
    "member number|user id|contact id|loyalty id|household key",
    "account id|client id|lead id|user pseudo id|reference id",
)
_MAIL = "email|メールアドレス|customer email|email address|注文者メールアドレス|eメール|メール"
_SALE: Mapping[str, RankedNames] = {
    "transaction_id": (
        "transaction id|取引ID|取引番号|伝票番号|レシート番号|注文番号|注文ID|受注番号|受注ID|売上番号|"
        "オーダー番号|order id|order number|order no|transaction no|transaction number|"
        "receipt number|receipt no|receipt id|invoice|invoice no|invoice number|ticket|"
        "increment id|sales order number|opportunity id|basket id",
        "name|order|payment id",
        "id",
    ),
    "customer_id": (*_CUSTOMER, _MAIL),
    "channel": (
        "channel|チャネル|販売チャネル|販路|sales channel|モール名|purchase point",
        "店舗名|店舗|店名|売場|store|store name|shop|shop name|location|location name|outlet",
        "店舗コード|store id|store code|location id",
    ),
    "time": (
        "購入日時|取引日時|注文日時|受注日時|売上日時|会計日時|販売日時|決済日時|来店日時|created at|"
        "purchased at|ordered at|order datetime|purchase datetime|transaction datetime|timestamp|"
        "purchase date time|datetime|date time",
        "購入日|取引日|注文日|受注日|売上日|会計日|販売日|来店日|日付|年月日|date|order date|"
        "purchase date|transaction date|invoice date|sale date|sales date|event date|close date|"
        "effective date|purchased on|created date",
        "time",
    ),
    "value": (
        "value|支払合計|お支払い合計|請求金額|お買上金額|お買い上げ金額|total|grand total|"
        "grand total purchased|order total|total amount|total collected",
        "合計金額|売上金額|購入金額|税込金額|net sales|grand total base|purchase revenue",
        "金額|合計|売上|明細金額|amount|sales|revenue|line total|sales value|net amount|dollar value",
        "小計|subtotal|item total",
    ),
    "quantity": (
        "quantity|数量|個数|点数|qty|units|lineitem quantity|quantity sold|item quantity",
    ),
    "unit_price": (
        "unit price|単価|商品単価|販売単価|price per unit|price each|lineitem price|item price",
        "price|価格",
    ),
    "refund_of": (
        "refund of|元取引番号|元取引ID|返品元伝票番号|返品元取引番号|元伝票番号|original order id|"
        "original transaction id|original receipt number",
    ),
    "refund": (
        "返品|返品フラグ|返品区分|refund|refunded|is refund|return|is return|return flag|event type",
    ),
    "item": (
        "item|商品名|品名|商品|product|product name|item name|lineitem name|description",
        "商品コード|商品番号|sku|jan|jancode|product id|item id|stock code|lineitem sku",
    ),
    "category": (
        "category|カテゴリ|カテゴリー|部門|部門名|分類|department|product type|item category",
    ),
}
_PERSON: Mapping[str, RankedNames] = {
    "source": ("source|システム|データ元|システム名|取込元|source system",),
    "record_id": (f"record id|{_CUSTOMER[0]}", _CUSTOMER[1], "id|no|番号|コード"),
}
_NAMES: Mapping[str, RankedNames] = {
    "family_name": (
        "family name|姓|氏|苗字|名字|姓漢字|お名前姓|注文者姓|last name|lastname|surname|"
        "customer last name|customer lastname",
    ),
    "given_name": (
        "given name|名|名漢字|お名前名|注文者名|first name|firstname|forename|"
        "customer first name|customer firstname",
    ),
    "full_name": (
        "full name|氏名|お名前|名前|顧客名|会員名|お客様名|氏名漢字|漢字氏名|name|customer name|"
        "contact name",
        "billing name|account name",
    ),
    "family_name_kana": (
        "family name kana|セイ|姓カナ|姓フリガナ|姓かな|お名前セイ|お名前姓カナ|注文者姓カナ|せい|last name kana",
    ),
    "given_name_kana": (
        "given name kana|メイ|名カナ|名フリガナ|名かな|お名前メイ|お名前名カナ|注文者名カナ|めい|first name kana",
    ),
    "full_name_kana": (
        "full name kana|フリガナ|ふりがな|カナ|氏名カナ|カナ氏名|氏名フリガナ|お名前カナ|"
        "お名前フリガナ|名前カナ|顧客名カナ|会員名カナ|name kana",
    ),
    "email": (f"{_MAIL}|e mail|e mail address|mail|person email",),
    "phone": (
        "phone|電話番号|電話|tel|連絡先|phone number|telephone|customer phone|注文者電話番号",
        "携帯電話番号|携帯番号|携帯|mobile|mobile phone|cell phone",
        "default address phone|billing phone",
    ),
    "postcode": (
        "postcode|郵便番号|zip|zip code|zipcode|postal code|post code|注文者郵便番号|"
        "mailing postal code|mailing zip postal code|zip postal code",
        "default address zip|billing zip",
    ),
    "address": (
        "address|住所|ご住所|現住所|full address|street address|mailing address|billing address",
    ),
    "birth_date": ("birth date|生年月日|誕生日|birthday|birthdate|date of birth|dob",),
    "gender": ("gender|性別|sex",),
    "card_number": (
        "card number|カード番号|会員カード番号|ポイントカード番号|loyalty card|card no",
    ),
}
_WHEN_ONLY: Mapping[str, RankedNames] = {name: _SALE[name] for name in ("channel", "time")}
_BY_TABLE: Mapping[str, Mapping[str, RankedNames]] = {
    "transactions": {
        **_SALE, **_PERSON, "customer_id": (),
        "record_id": (*_PERSON["record_id"][:2], _MAIL, *_PERSON["record_id"][2:]),
    },
    "purchases": _SALE,
    "records": {**_PERSON, **_NAMES},
    "assignment": {
        "customer_id": _SALE["customer_id"],
        "arm": ("arm|群|グループ|group|variant|treatment",),
        "stratum": ("stratum|層|segment|strata",),
        "time": _SALE["time"],
    },
    "behaviour": {
        **_PERSON, **_WHEN_ONLY,
        "event": ("event|イベント|イベント名|行動|event name|action",),
    },
    "contacts": {
        **_PERSON, **_WHEN_ONLY,
        "kind": ("kind|種別|接触種別|対応区分|問合せ種別|type|contact type|case type",),
        "staff_id": ("staff id|担当者|担当者ID|スタッフID|販売員コード|staff|agent|owner id|employee id",),
    },
    "summaries": {
        "customer_id": _SALE["customer_id"],
        "channel": _SALE["channel"],
        "first_purchase": ("first purchase|初回購入日|初回購入日時|first order date|first order",),
        "last_purchase": ("last purchase|最終購入日|最終購入日時|last order date|last order",),
        "orders": ("orders|購入回数|注文回数|購入件数|orders count|number of orders|total orders",),
        "value": ("value|購入金額合計|累計購入金額|合計購入金額|購入合計金額|total spent|lifetime spend",),
        "first_value": ("first value|初回購入金額|first order value",),
    },
}  # fmt: skip

CLOCKS = "time|時刻|時間|購入時刻|購入時間|取引時刻|取引時間|注文時間|注文時刻|会計時刻|売上時刻|time of day"
"""Names of columns that have a time of day, beside one that has the day."""

PARTS: Mapping[str, tuple[RankedNames, str]] = {
    "address": (
        (
            "都道府県|都道府県名|注文者都道府県", "市区町村|市区郡|注文者市区町村", "町名|町域|丁目",
            "住所1|番地|address1|address line 1|street|mailing street|default address address1",
            "住所2|建物名|建物|マンション名|address2|address line 2|default address address2",
            "city|mailing city|default address city",
            "state|province|region|province code|mailing state|mailing state province|"
            "default address province code",
        ),
        " ",
    ),
    "postcode": (("郵便番号1", "郵便番号2"), "-"),
    "phone": (("tel1|電話番号1", "tel2|電話番号2", "tel3|電話番号3"), "-"),
}  # fmt: skip
"""Columns that exports may divide, the parts in order, and what joins them."""


def aliases_of(table: str) -> Mapping[str, tuple[frozenset[str], ...]]:
    """Return for each column of a table the ranks of its names, in plain form."""
    return {
        name: tuple(plain_headers(rank) for rank in ranks)
        for name, ranks in _BY_TABLE[table].items()
    }


def plain_headers(names: str) -> frozenset[str]:
    """Return names that are divided by ``|``, in plain form."""
    return frozenset(map(plain_header, names.split("|")))


def plain_header(header: str) -> str:
    """Return a header in one width, in lower case and without blanks and punctuation.

    Examples:
        >>> plain_header("Order_ID"), plain_header("金額（税込）"), plain_header(" お名前(姓) ")
        ('orderid', '金額', 'お名前姓')
    """
    plain = unicodedata.normalize("NFKC", header).lower()
    return re.sub(r"[\W_]+", "", _REMARK.sub("", plain))

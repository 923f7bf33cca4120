# ruff: noqa: RUF001  # full-width digits are one way to write an address
"""Places with postcodes, and addresses in the different styles of writing them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Addresses", "draw_addresses", "write_addresses"]

# Prefecture, city, town, the first three digits of the postcode, weight.
_PLACES = [
    line.split()
    for line in """
東京都 渋谷区 神宮前 150 5
東京都 新宿区 西新宿 160 5
東京都 世田谷区 三軒茶屋 154 7
東京都 世田谷区 成城 157 4
東京都 杉並区 高円寺北 166 5
東京都 練馬区 豊玉北 176 5
東京都 大田区 大森北 143 5
東京都 江東区 豊洲 135 5
東京都 足立区 千住 120 5
東京都 板橋区 成増 175 4
東京都 八王子市 旭町 192 4
東京都 武蔵野市 吉祥寺本町 180 4
東京都 町田市 原町田 194 3
神奈川県 横浜市港北区 日吉 223 5
神奈川県 横浜市西区 みなとみらい 220 4
神奈川県 横浜市青葉区 美しが丘 225 4
神奈川県 川崎市中原区 小杉町 211 4
神奈川県 藤沢市 鵠沼東 251 3
神奈川県 相模原市南区 相模大野 252 3
埼玉県 さいたま市大宮区 桜木町 330 4
埼玉県 川口市 栄町 332 3
埼玉県 所沢市 緑町 359 3
千葉県 千葉市中央区 新町 260 3
千葉県 船橋市 本町 273 3
千葉県 柏市 柏 277 3
大阪府 大阪市北区 梅田 530 4
大阪府 大阪市天王寺区 上本町 543 4
大阪府 吹田市 千里山西 565 3
大阪府 堺市堺区 大町東 590 3
大阪府 豊中市 本町 560 3
京都府 京都市左京区 下鴨北園町 606 3
京都府 京都市伏見区 桃山町 612 3
兵庫県 神戸市中央区 三宮町 650 4
兵庫県 西宮市 甲子園町 663 3
兵庫県 姫路市 本町 670 2
愛知県 名古屋市中区 栄 460 4
愛知県 名古屋市千種区 今池 464 3
愛知県 豊田市 小坂本町 471 2
静岡県 静岡市葵区 呉服町 420 2
静岡県 浜松市中央区 中央 430 2
北海道 札幌市中央区 大通西 060 3
北海道 札幌市北区 麻生町 001 2
北海道 旭川市 春光 070 1
宮城県 仙台市青葉区 国分町 980 3
宮城県 仙台市太白区 長町 982 2
福島県 郡山市 駅前 963 1
新潟県 新潟市中央区 古町通 951 2
長野県 長野市 南千歳 380 1
石川県 金沢市 香林坊 920 1
岐阜県 岐阜市 神田町 500 1
三重県 四日市市 諏訪栄町 510 1
滋賀県 大津市 中央 520 1
奈良県 奈良市 学園北 631 2
広島県 広島市中区 八丁堀 730 3
広島県 福山市 丸之内 720 1
岡山県 岡山市北区 表町 700 2
香川県 高松市 丸亀町 760 1
愛媛県 松山市 大街道 790 1
福岡県 福岡市中央区 天神 810 3
福岡県 福岡市早良区 百道浜 814 2
福岡県 北九州市小倉北区 魚町 802 2
熊本県 熊本市中央区 水前寺 862 2
鹿児島県 鹿児島市 東千石町 892 1
沖縄県 那覇市 おもろまち 900 1
""".strip().splitlines()
]
_PREFECTURE, _CITY, _TOWN, _AREA, _WEIGHT = (
    np.array(column, dtype=object) for column in zip(*_PLACES, strict=True)
)
_BUILDINGS = np.array(
    [
        "メゾン",
        "コーポ",
        "ハイツ",
        "パークハウス",
        "グリーンハイツ",
        "サンライズ",
        "レジデンス",
        "ライオンズ",
        "プラザ",
        "第一コーポ",
        "ロイヤルマンション",
        "シティハイム",
    ],
    dtype=object,
)
_FULL = str.maketrans("0123456789-", "０１２３４５６７８９－")
_KANJI_DIGITS = "〇一二三四五六七八九"
N_STYLES = 5


class Addresses(NamedTuple):
    """Addresses in parts; arrays of shape (n,)."""

    place: NDArray[np.intp]
    chome: NDArray[np.int64]
    banchi: NDArray[np.int64]
    go: NDArray[np.int64]
    building: NDArray[np.int64]
    room: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp]) -> "Addresses":
        """Return the addresses of some rows."""
        return Addresses(*(part[rows] for part in self))

    def postcode(self) -> NDArray[np.object_]:
        """Return postcodes such as 150-0001: one per place and chome."""
        tail = (self.place * 7) % 50 * 10 + self.chome
        area = _AREA[self.place]
        return _objects([f"{a}-{t:04d}" for a, t in zip(area, tail.tolist(), strict=True)])


def draw_addresses(n: int, rng: np.random.Generator) -> Addresses:
    """Return ``n`` addresses; half of them in a building with rooms."""
    weight = _WEIGHT.astype(np.float64)
    in_building = rng.random(n) < 0.5
    building = np.where(in_building, rng.integers(0, len(_BUILDINGS), n), -1)
    return Addresses(
        place=rng.choice(len(_PLACES), size=n, p=weight / weight.sum()),
        chome=rng.integers(1, 7, n),
        banchi=rng.integers(1, 40, n),
        go=rng.integers(1, 25, n),
        building=building,
        room=rng.integers(1, 13, n) * 100 + rng.integers(1, 9, n),
    )


def write_addresses(addresses: Addresses, style: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return addresses as text, each in its style (0 is the standard one, of `N_STYLES`)."""
    place = addresses.place
    building = np.where(addresses.building >= 0, _BUILDINGS[addresses.building], "")
    parts = zip(
        style.tolist(),
        _PREFECTURE[place],
        _CITY[place] + _TOWN[place],
        addresses.chome.tolist(),
        addresses.banchi.tolist(),
        addresses.go.tolist(),
        building,
        addresses.room.tolist(),
        strict=True,
    )
    return _objects([_write(*part) for part in parts])


def _write(
    style: int,
    prefecture: str,
    town: str,
    chome: int,
    banchi: int,
    go: int,
    building: str,
    room: int,
) -> str:
    tail = f" {building}{room}" if building else ""
    if style == 1:  # no prefecture
        return f"{town}{chome}-{banchi}-{go}{tail}"
    if style == 2:  # full-width digits
        return f"{prefecture}{town}{chome}-{banchi}-{go}{tail}".translate(_FULL)
    if style == 3:  # kanji chome, spelt out
        room_tail = f"　{building}{room}号室" if building else ""
        return f"{prefecture}{town}{_KANJI_DIGITS[chome]}丁目{banchi}番{go}号{room_tail}"
    if style == 4:  # no prefecture, no building
        return f"{town}{chome}丁目{banchi}-{go}"
    return f"{prefecture}{town}{chome}-{banchi}-{go}{tail}"


def _objects(values: list[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)

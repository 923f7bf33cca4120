# ruff: noqa: RUF001  # katakana are meant
"""Common Japanese and Latin names with their readings and spellings."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["GIVEN_FEMALE", "GIVEN_MALE", "NameStock", "family_names", "given_names", "romaji"]

# Kanji, reading, rough number of bearers in ten thousands.
_FAMILY = """
佐藤サトウ188 鈴木スズキ180 高橋タカハシ140 田中タナカ133 伊藤イトウ107 渡辺ワタナベ106
山本ヤマモト104 中村ナカムラ104 小林コバヤシ102 加藤カトウ88 吉田ヨシダ83 山田ヤマダ81
佐々木ササキ67 山口ヤマグチ64 松本マツモト63 井上イノウエ61 木村キムラ57 林ハヤシ55
斎藤サイトウ54 清水シミズ53 山崎ヤマザキ48 森モリ46 池田イケダ45 橋本ハシモト45
阿部アベ45 石川イシカワ42 山下ヤマシタ41 中島ナカジマ40 石井イシイ39 小川オガワ39
前田マエダ38 岡田オカダ38 長谷川ハセガワ37 藤田フジタ37 後藤ゴトウ37 近藤コンドウ37
村上ムラカミ36 遠藤エンドウ33 青木アオキ33 坂本サカモト33 斉藤サイトウ32 福田フクダ32
太田オオタ32 西村ニシムラ31 藤井フジイ31 金子カネコ30 岡本オカモト30 藤原フジワラ30
三浦ミウラ30 中野ナカノ29 中川ナカガワ29 原田ハラダ29 松田マツダ29 竹内タケウチ28
小野オノ28 田村タムラ28 中山ナカヤマ27 和田ワダ27 石田イシダ27 森田モリタ26 上田ウエダ26
原ハラ26 内田ウチダ25 柴田シバタ25 酒井サカイ25 宮崎ミヤザキ25 横山ヨコヤマ24 高木タカギ24
安藤アンドウ24 宮本ミヤモト23 大野オオノ23 小島コジマ22 谷口タニグチ22 工藤クドウ22
今井イマイ22 高田タカダ22 増田マスダ21 丸山マルヤマ21 杉山スギヤマ21 村田ムラタ21
大塚オオツカ21 新井アライ20 小山コヤマ20 平野ヒラノ20 藤本フジモト20 河野コウノ20
上野ウエノ20 野口ノグチ19 武田タケダ19 松井マツイ19 千葉チバ19 菅原スガワラ19 岩崎イワサキ18
久保クボ18 木下キノシタ18 佐野サノ18 野村ノムラ18 松尾マツオ18 市川イチカワ18 菊地キクチ17
杉本スギモト17 古川フルカワ17 大西オオニシ17 島田シマダ17 水野ミズノ17 桜井サクライ17
高野タカノ17 渡部ワタナベ16 吉川ヨシカワ16 山内ヤマウチ16 西田ニシダ16 飯田イイダ16
菊池キクチ16 西川ニシカワ15 小松コマツ15 北村キタムラ15 安田ヤスダ15 五十嵐イガラシ15
川口カワグチ15 平田ヒラタ15 関セキ15 中田ナカタ14 久保田クボタ14 服部ハットリ14 東ヒガシ14
岩田イワタ14 土屋ツチヤ14 川崎カワサキ14 福島フクシマ14 本田ホンダ14 辻ツジ14 樋口ヒグチ14
秋山アキヤマ14 田口タグチ13 永井ナガイ13 山中ヤマナカ13 中西ナカニシ13 吉村ヨシムラ13
川上カワカミ13 石原イシハラ13 大橋オオハシ13 松岡マツオカ13 馬場ババ13 森本モリモト13
矢野ヤノ13 浅野アサノ12 小池コイケ12 荒木アラキ12 松下マツシタ12 大島オオシマ12 伊東イトウ12
熊谷クマガイ12 黒田クロダ12 野田ノダ12 荒井アライ12 松村マツムラ12 菅野カンノ12 尾崎オザキ12
堀ホリ12 望月モチヅキ12 広瀬ヒロセ11 永田ナガタ11 田辺タナベ11 早川ハヤカワ11 川村カワムラ11
西尾ニシオ11 大久保オオクボ11 岩本イワモト11 須藤スドウ11 栗原クリハラ11 片山カタヤマ11
"""
_MALE = """
誠マコト 健一ケンイチ 浩ヒロシ 大輔ダイスケ 修オサム 剛ツヨシ 隆タカシ 直樹ナオキ 茂シゲル 健ケン
哲也テツヤ 和也カズヤ 達也タツヤ 健太ケンタ 翔太ショウタ 拓也タクヤ 亮リョウ 学マナブ 聡サトシ
智也トモヤ 博ヒロシ 進ススム 勝マサル 清キヨシ 弘ヒロシ 豊ユタカ 実ミノル 稔ミノル 明アキラ
昭アキラ 勇イサム 正マサシ 正人マサト 雅人マサト 和彦カズヒコ 秀樹ヒデキ 英樹ヒデキ 浩二コウジ
幸司コウジ 浩一コウイチ 康弘ヤスヒロ 裕之ヒロユキ 博之ヒロユキ 弘之ヒロユキ 雄一ユウイチ
裕一ユウイチ 裕太ユウタ 雄太ユウタ 優太ユウタ 悠斗ユウト 優斗ユウト 蓮レン 陽翔ハルト 大翔ヒロト
湊ミナト 樹イツキ 悠真ユウマ 颯太ソウタ 翔ショウ 陸リク 海斗カイト 大樹ダイキ 大貴ダイキ 駿シュン
俊シュン 直人ナオト 涼リョウ 慎一シンイチ 真一シンイチ 純ジュン 潤ジュン 淳ジュン 淳一ジュンイチ
洋ヒロシ 洋平ヨウヘイ 祐介ユウスケ 雄介ユウスケ 裕介ユウスケ 悠太ユウタ 圭介ケイスケ 啓介ケイスケ
貴之タカユキ 孝之タカユキ 隆之タカユキ 義雄ヨシオ 正雄マサオ 和夫カズオ 一郎イチロウ 太郎タロウ
三郎サブロウ 武タケシ 毅タケシ 猛タケシ 敦アツシ 篤アツシ 光一コウイチ 康平コウヘイ 航平コウヘイ
"""
_FEMALE = """
陽子ヨウコ 洋子ヨウコ 恵子ケイコ 京子キョウコ 幸子サチコ 和子カズコ 久美子クミコ 由美子ユミコ
裕子ユウコ 優子ユウコ 祐子ユウコ 智子トモコ 友子トモコ 真由美マユミ 明美アケミ 直美ナオミ 恵美エミ
絵美エミ 由美ユミ 美穂ミホ 美香ミカ 美佳ミカ 香織カオリ 佳織カオリ 千尋チヒロ 恵メグミ 愛アイ
彩アヤ 綾アヤ 麻衣マイ 舞マイ 美咲ミサキ 葵アオイ 陽菜ヒナ 結衣ユイ 結菜ユイナ 凛リン 莉子リコ
さくらサクラ 桜サクラ 美優ミユ 七海ナナミ 未来ミク 遥ハルカ 春香ハルカ 瞳ヒトミ 純子ジュンコ
順子ジュンコ 典子ノリコ 紀子ノリコ 則子ノリコ 節子セツコ 文子フミコ 千代子チヨコ 美智子ミチコ
道子ミチコ 弘子ヒロコ 博子ヒロコ 広子ヒロコ 裕美ヒロミ 博美ヒロミ 敏子トシコ 俊子トシコ 信子ノブコ
昌子マサコ 雅子マサコ 正子マサコ 貴子タカコ 孝子タカコ 隆子タカコ 理恵リエ 理絵リエ 千佳チカ
知佳チカ 里美サトミ 聡美サトミ 麻美アサミ 朝美アサミ 奈々ナナ 奈緒ナオ 奈美ナミ 真理マリ
真理子マリコ 麻里子マリコ 沙織サオリ 早織サオリ 由佳ユカ 由香ユカ 優花ユウカ 友香ユカ 亜美アミ
亜由美アユミ 歩美アユミ 美月ミヅキ 美雪ミユキ 幸ミユキ 悦子エツコ 栄子エイコ 英子エイコ
静子シズコ 照子テルコ
"""
_LATIN_FAMILY = """
Smithスミス Johnsonジョンソン Brownブラウン Millerミラー Garciaガルシア Silvaシルバ Santosサントス
Leeリー Kimキム Parkパク Chenチェン Wangワン Liリー Zhangチャン Nguyenグエン Tranトラン Phamファム
Cruzクルス Reyesレイエス Martinマルタン Mullerミュラー Rossiロッシ Kumarクマール Singhシン
Sharmaシャルマ Shresthaシュレスタ Wilsonウィルソン Taylorテイラー Suzukiスズキ Tanakaタナカ
"""
_LATIN_MALE = """
Johnジョン Davidデイビッド Michaelマイケル Jamesジェームズ Robertロバート Danielダニエル
Carlosカルロス Joseホセ Minhミン Weiウェイ Junジュン Rajラジ
Thomasトーマス Kevinケビン Paulポール Lucasルーカス
"""
_LATIN_FEMALE = """
Maryメアリー Jenniferジェニファー Lindaリンダ Sarahサラ Annaアンナ Mariaマリア Emilyエミリー Lanラン
Huongフオン Meiメイ Yunaユナ Priyaプリヤ Juliaジュリア Lauraローラ Graceグレース Sofiaソフィア
"""

GIVEN_MALE, GIVEN_FEMALE = 0, 1

_MONO = dict(
    zip(
        "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
        "ガギグゲゴザジズゼゾダヂヅデドバビブベボパピプペポァィェォャュョ",
        [
            "a",
            "i",
            "u",
            "e",
            "o",
            "ka",
            "ki",
            "ku",
            "ke",
            "ko",
            "sa",
            "shi",
            "su",
            "se",
            "so",
            "ta",
            "chi",
            "tsu",
            "te",
            "to",
            "na",
            "ni",
            "nu",
            "ne",
            "no",
            "ha",
            "hi",
            "fu",
            "he",
            "ho",
            "ma",
            "mi",
            "mu",
            "me",
            "mo",
            "ya",
            "yu",
            "yo",
            "ra",
            "ri",
            "ru",
            "re",
            "ro",
            "wa",
            "o",
            "n",
            "ga",
            "gi",
            "gu",
            "ge",
            "go",
            "za",
            "ji",
            "zu",
            "ze",
            "zo",
            "da",
            "ji",
            "zu",
            "de",
            "do",
            "ba",
            "bi",
            "bu",
            "be",
            "bo",
            "pa",
            "pi",
            "pu",
            "pe",
            "po",
            "a",
            "i",
            "e",
            "o",
            "ya",
            "yu",
            "yo",
        ],
        strict=True,
    )
)
_SMALL_Y = {"ャ": "a", "ュ": "u", "ョ": "o"}
_HALF = dict(
    zip(
        "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
        "ァィゥェォャュョッー",
        "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｬｭｮｯｰ",
        strict=True,
    )
)
_HALF |= {
    chr(ord(full) + 1): _HALF[full] + "ﾞ" for full in "カキクケコサシスセソタチツテトハヒフヘホ"
}
_HALF |= {chr(ord(full) + 2): _HALF[full] + "ﾟ" for full in "ハヒフヘホ"}


@dataclass(frozen=True, eq=False)
class NameStock:
    """Names with all their spellings; arrays of shape (n_names,).

    Attributes:
        kanji: The name in kanji (Latin names in Latin letters).
        katakana: The reading.
        halfwidth: The reading in half-width katakana.
        hiragana: The reading in hiragana.
        latin: The reading in Hepburn romanisation, capitalised.
        weight: Probability of the name within its group.
        group: Group of the name: 0 Japanese (male), 1 Japanese female, +2 for Latin names.
    """

    kanji: NDArray[np.object_]
    katakana: NDArray[np.object_]
    halfwidth: NDArray[np.object_]
    hiragana: NDArray[np.object_]
    latin: NDArray[np.object_]
    weight: NDArray[np.float64]
    group: NDArray[np.int64]

    def draw(self, group: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
        """Return a name's position for each wanted group, drawn by weight."""
        chosen = np.empty(len(group), dtype=np.intp)
        for label in np.unique(group):
            rows, names = np.flatnonzero(group == label), np.flatnonzero(self.group == label)
            weight = self.weight[names]
            chosen[rows] = rng.choice(names, size=len(rows), p=weight / weight.sum())
        return chosen


@cache
def family_names() -> NameStock:
    """Return family names: group 0 Japanese, group 2 Latin.

    Examples:
        >>> stock = family_names()
        >>> stock.kanji[0], stock.katakana[0], stock.latin[0]
        ('佐藤', 'サトウ', 'Sato')
    """
    return _stock([(_FAMILY, 0), (_LATIN_FAMILY, 2)])


@cache
def given_names() -> NameStock:
    """Return given names: groups 0 and 1 Japanese male and female, 2 and 3 Latin."""
    return _stock([(_MALE, 0), (_FEMALE, 1), (_LATIN_MALE, 2), (_LATIN_FEMALE, 3)])


def romaji(katakana: str) -> str:
    """Return a reading in lower-case Hepburn letters with long vowels left out.

    Examples:
        >>> romaji("コンドウ"), romaji("ショウタ"), romaji("ハットリ"), romaji("オオタ")
        ('kondo', 'shota', 'hattori', 'ota')
    """
    out = ""
    double = False
    for char in katakana:
        if char == "ッ":
            double = True
        elif char in _SMALL_Y and out.endswith(("shi", "chi", "ji")):
            out = out[:-1] + _SMALL_Y[char]
        elif char in _SMALL_Y and out.endswith("i"):
            out = out[:-1] + "y" + _SMALL_Y[char]
        elif char != "ー":
            sound = _MONO[char]
            out, double = out + (sound[0] if double else "") + sound, False
    return out.replace("ou", "o").replace("oo", "o").replace("uu", "u")


def _stock(tables: list[tuple[str, int]]) -> NameStock:
    entries = [
        (*_split(word), group, rank)
        for table, group in tables
        for rank, word in enumerate(table.split())
    ]
    kanji, kana, count, group, rank = zip(*entries, strict=True)
    latin = [
        name if name.isascii() else romaji(reading).capitalize()
        for name, reading in zip(kanji, kana, strict=True)
    ]
    return NameStock(
        kanji=_objects(kanji),
        katakana=_objects(kana),
        halfwidth=_objects([_half(reading) for reading in kana]),
        hiragana=_objects([_hiragana(reading) for reading in kana]),
        latin=_objects(latin),
        weight=np.array(
            [c or 1 / (k + 12) for c, k in zip(count, rank, strict=True)], dtype=np.float64
        ),
        group=np.array(group, dtype=np.int64),
    )


def _split(word: str) -> tuple[str, str, int]:
    name = word.rstrip("0123456789")
    start = next(i for i, char in enumerate(name) if "ァ" <= char <= "ヺ")
    return name[:start], name[start:], int(word[len(name) :] or 0)


def _half(katakana: str) -> str:
    return "".join(_HALF[char] for char in katakana)


def _hiragana(katakana: str) -> str:
    return "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in katakana)


def _objects(values: list[str] | tuple[str, ...]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)

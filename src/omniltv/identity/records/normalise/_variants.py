"""Kanji of one meaning and reading that people write in several forms: one form for each.

The first table has the old forms in brackets of the list of kanji for general use (常用漢字表,
Cabinet Notification 2 of 2010) and the pairs of forms in the list of kanji for names (人名用漢字,
annexed table 2 of the Enforcement Regulations of the Family Register Act). The second has other
forms that family registers and address lists contain (髙, 﨑, 邉, 舩). Compatibility ideographs
are not listed, because NFKC already replaces them. 斎 and 斉 are different kanji by origin, but
the families called Saito write either, so they are one form here.
"""

__all__ = ["KANJI_VARIANTS"]

_OLD = (
    "乘亂亙亞佛來倂假傳僞價儉兒兩冨凉凛剩劍劑勞勳勵勸區卷卽參單嚴囑圈國圍圓圖團埜堯增墮壓壘壞"
    "壤壯壹壽奧奬孃學寢實寫寬寶將專對屆屬峯峽嶋嶽巖巢帶廢廣廳彈彌徑從徵德恆惠惡惱愼慘應懷戀戰"
    "戲戾拂拔拜挾插揭搖搜擇擊擔據擧擴攝收效敍敕數斎斷晄晚晝曆曉曾會條棧榮槇槪樂樓樞樣橫檜檢櫻"
    "權歐歡步歷歸殘殼毆每氣涉淚淨淺渴溪溫滯滿潛澁澤濕濟濱瀧瀨灣燈燒營爐爭爲犧狀狹獨獵獸獻瓣甁"
    "畫當疊瘦癡發盃盜盡眞硏碎祕祿禪禮禰禱稱稻穗穩穰竊竝粹絲經綠緖緣縣縱總繩繪繼續纖缺罐聲聽肅"
    "腦膽臟臺與舊艷莊莖萠萬薗薰藏藝藥處虛號螢蟲蠶蠻衞裝襃覺覽觀觸謠證譯譽讀變讓豐豫貳賣賴贊踐"
    "輕轉辨辭辯遙遞遲邊郞鄕醉醫釀釋錄錢鍊鎭鐵鑄鑛關陷隨險隱雙雜霸靈靜顯飜餘餠駈騷驅驗驛髓體髮"
    "鬭鷄鹽麥麵黃黑默點黨齊齋齒齡龍龜"
)
_NEW = (
    "乗乱亘亜仏来併仮伝偽価倹児両富涼凜剰剣剤労勲励勧区巻即参単厳嘱圏国囲円図団野尭増堕圧塁壊"
    "壌壮壱寿奥奨嬢学寝実写寛宝将専対届属峰峡島岳巌巣帯廃広庁弾弥径従徴徳恒恵悪悩慎惨応懐恋戦"
    "戯戻払抜拝挟挿掲揺捜択撃担拠挙拡摂収効叙勅数斉断晃晩昼暦暁曽会条桟栄槙概楽楼枢様横桧検桜"
    "権欧歓歩歴帰残殻殴毎気渉涙浄浅渇渓温滞満潜渋沢湿済浜滝瀬湾灯焼営炉争為犠状狭独猟獣献弁瓶"
    "画当畳痩痴発杯盗尽真研砕秘禄禅礼祢祷称稲穂穏穣窃並粋糸経緑緒縁県縦総縄絵継続繊欠缶声聴粛"
    "脳胆臓台与旧艶荘茎萌万園薫蔵芸薬処虚号蛍虫蚕蛮衛装褒覚覧観触謡証訳誉読変譲豊予弐売頼賛践"
    "軽転弁辞弁遥逓遅辺郎郷酔医醸釈録銭錬鎮鉄鋳鉱関陥随険隠双雑覇霊静顕翻余餅駆騒駆験駅髄体髪"
    "闘鶏塩麦麺黄黒黙点党斉斉歯齢竜亀"
)
_VARIANT = (
    "㐂㟢亰俱兔內冲剝吞吳吿喆圡塡壺姊姬娛尙屢嵜嶌廏廐强彥悅戶摑擕攜敎昻曻杤杦枡枩柗栁栅桒桺槗"
    "歲淸渊渕濤濵產礒礪稅穐竈簞籠絕繡繫羣脫腳舩萊蔣蔥藪蘆蟬蠣說諫邉鄉銳鐮閱靎靏靑頰頸髙鷗鸖麴"
    "龝﨑﨟𠮷𡈽𣘺𣳾"
)
_USUAL = (
    "喜崎京倶兎内沖剥呑呉告哲土填壷姉姫娯尚屡崎島厩厩強彦悦戸掴携携教昂昇栃杉桝松松柳柵桑柳橋"
    "歳清淵淵涛浜産磯砺税秋竃箪篭絶繍繋群脱脚船莱蒋葱薮芦蝉蛎説諌辺郷鋭鎌閲鶴鶴青頬頚高鴎鶴麹"
    "秋崎臈吉土橋泰"
)

KANJI_VARIANTS = str.maketrans(_OLD + _VARIANT, _NEW + _USUAL)
"""Each variant and the form that stands for it, as a table for `str.translate`."""

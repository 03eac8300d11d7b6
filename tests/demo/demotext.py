"""Texts that a sync must carry unchanged. None begins or ends with a space, none is empty."""

FIRST = ["Anna", "José", "Zoë", "Łukasz", "Björn", "Siân", "Nguyễn", "Иван", "Ольга", "Γιώργος", "Ελένη",
         "محمد", "ليلى", "דוד", "שרה", "伟", "芳", "太郎", "さくら", "민준", "서연", "राम", "प्रिया", "สมชาย", "มาลี",
         "Jean-Luc", "D'Arcy", "Mary Ann", "Ἀλέξανδρος", "Þór"]
LAST = ["Müller", "O'Brien", "García Márquez", "Škvorecký", "Þorsteinsdóttir", "Smith, Jr.", "van der Berg",
        "Иванов", "Соколова", "Παπαδόπουλος", "Ωνάσης", "الرشيد", "حداد", "כהן", "לוי", "王", "李小龍", "山田", "渡邉",
        "김", "이", "शर्मा", "पटेल", "ศรีสุข", "วงศ์ไทย", "St. John-Smythe", "\"Ace\" Ventura", "N'Diaye", "Null", "True",
        "Ångström", "I\u0307zmir"]
COMPANY = ["Acme", "Globex", "Große & Söhne", "Société Générale d'Énergie", "Ромашка", "Газ и Нефть", "Ελληνικά Ναυπηγεία",
           "شركة النور", "חברת החשמל", "華為技術", "株式会社日立", "삼성물산", "टाटा इस्पात", "บริษัท ปตท", "Initech", "Umbrella",
           "Stark \\ Wayne", "\"Quoted\" Holdings", "Comma, Inc.", "Semi;Colon GmbH", "A/S Nørdby", "100% Pure", "C&A <b>", "Tab\tCo",
           "Café 🍵 Ltd", "𝒜𝓁𝓅𝒽𝒶", "Zażółć Gęślą"]
FORM = ["GmbH", "Ltd", "S.A.", "ООО", "Α.Ε.", "ش.م.م", "בע\"מ", "有限公司", "株式会社", "주식회사", "प्रा. लि.", "จำกัด", "Inc."]
CITY = [("Zürich", "Switzerland"), ("São Paulo", "Brazil"), ("Москва", "Россия"), ("Αθήνα", "Ελλάδα"), ("القاهرة", "مصر"),
        ("ירושלים", "ישראל"), ("北京", "中国"), ("東京", "日本"), ("서울", "대한민국"), ("मुंबई", "भारत"), ("กรุงเทพฯ", "ประเทศไทย"),
        ("Llanfairpwllgwyngyll", "Wales"), ("Kraków", "Polska"), ("Reykjavík", "Ísland")]
# what reads like something else: numbers, booleans, nulls, formulas, dates, code
LOOKS = ["007", "1e5", "1.50", "-0", "0x1F", "1,234.56", "true", "FALSE", "null", "NULL", "#N/A", "N/A", "None", "undefined",
         "NaN", "Infinity", "=1+1", "+49 30 1234", "@here", "-", "2024-02-30", "00:00", "{}", "[]", "\"\"", "''", "\\N", "\\",
         "\\n", "\\u0041", "%20", "&amp;", "<null/>", "${x}", "{{name}}", "';--", "' OR '1'='1", "a\u00a0b", "\ufeffbom",
         "zero\u200bwidth", "line\u2028separator", "\u202eright-to-left", "001000000000001AAA"]
# marks, joins and planes: the same letter composed and decomposed, families, flags, skin tones
SIGNS = ["café", "cafe\u0301", "Å", "A\u030a", "ﬁn", "n\u0303o", "👨‍👩‍👧‍👦 family", "🏳️‍🌈 flag", "👍🏽 ok",
         "🇩🇪🇯🇵", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𠮷野家", "😀" * 10, "e" + "\u0301" * 5, "שָׁלוֹם", "مُحَمَّد", "क्षत्रिय", "กำลัง", "각", "각"]
LINES = ["first\nsecond", "first\r\nsecond\r\nthird", "tab\there", "a,b,\"c\"\nd;e", "\"\nquote on its own line\n\"",
         "mixed\nLF\r\nand CRLF", "blank\n\n\nlines", "back\\slash\\\nand 'apostrophe'", "ends in a backslash \\"]
WORDS = ("customer delivery Vertrag überprüft проект готов έργο τελείωσε مشروع جديد פרויקט חדש 项目 完成 プロジェクト 終了 프로젝트 완료 "
         "परियोजना पूर्ण โครงการ เสร็จ budget, approved; \"later\" it's 100% 3.50 #7 🚀 ñandú œuvre").split(" ")
ROLES = ["CEO", "Head of \"R&D\"", "Приёмщик", "部長", "مدير", "Directrice générale", "VP, Sales", "Διευθυντής", "팀장", "C++ \\ C#"]
SUBJECTS = ["Printer on fire 🔥", "Rechnung fehlt", "Не работает вход", "納期について", "لا يعمل", "Question: 1 < 2 & 3 > 2?",
            "It's \"broken\"", "환불 요청", "Δεν ανοίγει", "เปิดไม่ได้", "RE: AW: FW: update", "क्या हुआ"]


def sentence(rnd, few=3, many=14):
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(few, many)))


def awkward(rnd):
    return rnd.choice(rnd.choice((LOOKS, SIGNS, LOOKS, SIGNS)))


def long_text(rnd, length=None):
    """Several lines; with a length exactly so many characters of the basic plane."""
    if length is None:
        parts = [rnd.choice(LINES) if rnd.random() < 0.3 else sentence(rnd) for _ in range(rnd.randint(1, 5))]
        return rnd.choice(("\n", "\r\n")).join(parts).strip()
    text = ""
    while len(text) < length:
        text += rnd.choice(("Zeile äöü ", "строка ", "行 ", "line\n", "\"q\", ", "back\\slash "))
    return text[:length - 1].rstrip() + "." * (length - len(text[:length - 1].rstrip()))

"""Rewrite an answer so that letters are left only where the model means them.

Each step takes plain text (see ``early stopping``'s ``normal``) and returns plain text: unusual
glyphs become capital letters, marks in tables become verdicts, corrections become statements, and
clauses that warn against a letter, weigh two letters or depend on a condition are removed.
Repetitions are bounded, so the time grows with the length of the text.
"""

import re

from collectivesft.scores.extract import patterns

_RUN = r"[A-Z](?:(?:\s?(?:以及|[,、;和与及或/+])\s?|\s?(?:and|or)\s)?[A-Z]){0,8}"
_JOINED = r"[A-Z](?:[、和与及]?[A-Z]){0,6}"
# A letter that no Latin word, number or term takes in: not CT, B12, B超.
_ENDS = rf"(?![{patterns.LATIN}{patterns.TERM}])"
_LETTERS = rf"(?:选项)?\s?[(【]?{_RUN}{_ENDS}[)】]?(?:选?项)?"

_GLYPHS = str.maketrans("選項確對錯為應擇說標", "选项确对错为应择说标")
_FOREIGN = {"Α": "A", "Β": "B", "Ε": "E", "А": "A", "В": "B", "С": "C", "Е": "E"}
_FOREIGN_LETTER = re.compile(
    r"(?<![A-Za-z\u0370-\u03ff\u0400-\u04ff])[ΑΒΕАВСЕ](?![A-Za-z0-9\-\u0370-\u03ff\u0400-\u04ff])"
)
_LOWER_STATED = re.compile(
    r"(?:答案|选项?|选择|\b(?i:answers?|options?|choices?)\b|boxed)"
    r"(?:应该|应|正确|是|为|选|择|项|:|\s|\bis\b|\bshould be\b|[(【\[{]){0,6}"
    r"(?P<run>[a-g](?:\s?[、,]\s?[a-g]){0,6})(?=\s{0,3}(?:[.,;:)\]】}。、]|选?项|\n|$))"
)
_LOWER_FIRST = re.compile(
    r"\A\s{0,9}[(【\[]?(?P<run>[a-g])(?:[)】\]]|\s{0,9}\Z|[.。、:](?!\s?[a-z]\.))"
)

_UNDERLINED = re.compile(
    r"(?<![A-Za-z0-9_])_{1,3}([A-G](?:[、,]?[A-G]){0,6})_{1,3}(?![A-Za-z0-9_])"
)
_LOWER_LIST = re.compile(
    r"(?P<lead>\A\s{0,9}|答案\s?[是为:]\s?)(?P<run>[a-g](?:\s?[、,/]?\s?[a-g]){1,6})(?=\s{0,9}[。.]?\s{0,9}\Z)"
)
_STRUCK = re.compile(r"~~[^~\n]{1,80}~~")
_ORDINAL = re.compile(
    r"(?:\A|(?<=答案[是为:])|(?<=选))\s?第([一二三四五六七1-7])个?(?:选项|项)(?=[。,.!\s]|\Z)"
)
_ORDER = dict(zip("一二三四五六七1234567", "ABCDEFG" * 2, strict=True))
_UNCHECKED = re.compile(r"^[ \t]*[-+]?[ \t]*\[ \][^\n]*$", re.M)
_CHECKED = re.compile(r"^[ \t]*[-+]?[ \t]*\[[xX✓√]\][ \t]*", re.M)
# A mark before a letter and its text; not before a list of letters.
_MARK_FIRST = re.compile(
    r"^[ \t>\-•]{0,6}([✓✔√✗✘×❌])[ \t]?([(【]?[A-G])"
    r"(?![A-Za-z]|[ \t]{0,3}[、,和与及][ \t]{0,3}[A-G])([^\n]{0,80})$",
    re.M,
)
_TRUE = re.compile(r"(?<![A-Za-z])([A-G])\s?:\s?(?:(?i:true|yes)\b|[是对](?=[\s,。;.!]|\Z))")
_CALLED = re.compile(
    r"(?<![A-Za-z])([A-G])\s?\((?:(?P<right>正确|对|[√✓✔])|错误?|不正确|不对|有误|[×✗✘❌])\)"
)
_FALSE = re.compile(r"(?<![A-Za-z])([A-G])\s?:\s?(?:(?i:false|no)\b|[否错](?=[\s,。;.!]|\Z))")
_BOXES = re.compile(r"}\s{0,3}(?:[、,;和]|and)?\s{0,3}\\boxed\s?{(?=\s?[A-G])")
# "A、B和E;D是禁忌": the list ends where a clause about another letter begins.
_CLAUSE_AFTER_LIST = re.compile(
    r"([A-G]{2,7}|(?:[A-G][、和与及]){1,5}[A-G])\s?[,;]\s?"
    r"(?=[A-G](?:[、和与及][A-G]){0,4}(?:选?项)?(?:\(|:\s?[\u3400-\u9fff]|是|为|属|则|会|虽|不|均|都))"
)
# "ABC(早发现、早诊断)", "A,B,C三项。D为…": the letters are the answer, the rest explains it.
_RUN_THEN_NOTE = re.compile(r"\A\s{0,9}([A-G]{2,7})\s?(?=\()")
_COUNTED_RUN = re.compile(
    r"\A\s{0,9}([A-G](?:\s?[,、和与及]?\s?[A-G]){1,6})\s?[两三四五六]个?选?项[。,;]"
)
# "A√ B√ D× E√" as a whole answer.
_MARKED = re.compile(r"\A\s{0,9}(?:[A-G]\s?[√✓✔✗✘×❌][\s,、;]{0,3}){2,7}\Z")
_BEGINS_WITH_RUN = re.compile(r"\A\s{0,9}([A-G]{2,7})(?=(?:[两三四五六]个?)?(?:选?项|均|都|皆|全))")
_DOTS = re.compile(r"(?<=[A-G])\s?[·•]\s?(?=[A-G](?![A-Za-z]))")
_LEFT_OUT = re.compile(rf"[,(]?但?(?:不包括|不包含|不含|没有){_LETTERS}")
_NO_WORDS = re.compile(r"\(\s{0,3}\)")
_TABLE_ROW = re.compile(
    r"^[ \t]*\|?[ \t]*(?:选项)?\(?([A-G])\)?[.、:]?[ \t]*([^|\n]{0,80})\|([^\n]*)$", re.M
)
_TABLE_FACT = re.compile(
    r"^[ \t]*\|[ \t]*((?:正确)?答案|(?i:answer))[ \t]*\|[ \t]*([A-G、, ]{1,12})\|", re.M
)
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t:|\-]{3,}\|?[ \t]*$", re.M)
# A column of yes and no below its head: "是否首选", "Correct?".
_TABLE_HEAD = re.compile(
    r"^[ \t]*\|?(?P<head>[^\n]*\|[^\n]*)\n[ \t]*\|?[ \t:|\-]{3,}\|?[ \t]*\n"
    r"(?P<rows>(?:[^\n|]*\|[^\n]*(?:\n|\Z)){2,9})",
    re.M,
)
_YES = re.compile(r"(?:是|对|正确|(?i:yes|true|y))\s?[√✓✔]?")
_NO = re.compile(r"(?:否|不是|错误?|不正确|(?i:no|false|n))\s?[×✗✘❌]?")
_ASKS_WRONG = re.compile(r"错|不|有误|(?i:wrong|incorrect|false)")
_ASKS_TO_CHOOSE = re.compile(r"题意|题干|应选|选择|答案|(?i:answer|chosen|choose)")
_BARS = re.compile(r"(?<=[A-G])\s?\|\s?(?=[A-G](?![A-Za-z]))")
_RANGE = re.compile(rf"(?<![{patterns.LATIN}])([A-G])[ \t]?(?:[-–—~]|至|到)[ \t]?([A-G]){_ENDS}")

_CORRECTION = re.compile(
    r"(?:(?:(?<=[。,;:\n….!?\s()—\-])|\A)(?:"
    r"不对(?!称|应|等)|[哦噢啊呃]?不,|不,?不|错了|(?:更正|纠正|修正|改正)(?:一下)?|抱歉|对不起|等等|等一下|且慢|再想想|重新考虑|重新分析|更准确地说"
    r"|我(?:搞|弄|说|看|记)错了"
    r"|(?i:actually|correction|corrected|wait|sorry|no(?=[,.])|hmm"
    r"|on second thought|my mistake)"
    r")[,:.…!。 \t\-—]{0,4}(?:而|这里|其实|实际上|准确地说|正确的?)?){1,4}"
    r"(?:应该|应当|应)?(?:改?是|改?为|改?选|(?i:its?\s|it\sis\s|should\sbe\s|(?:the\s(?:correct\s)?answer\s)?(?:is|was)\s|i\smeant?\s))?[\s:]{0,3}"
    rf"(?P<run>{_RUN}){_ENDS}(?!\s?\?)(?!(?:选?项)?{patterns.DENIED})"
)
_CHANGED = re.compile(
    rf"(?:(?:更正|修正|纠正|改正?|改选|修改)(?:为|成|选)\s?[:(【]?\s?"
    r"|(?:其实|实际上|实则|实|后来发现|后来认为|结果)(?:应该?|正确答案)?(?:是|为|选)(?:选项)?\s?"
    r"|\([^()\n]{0,8}(?:修改|更正|改正|订正)[^()\n]{0,4}\)\s?"
    r"|\b(?i:but\s(?:actually\s|now\s)?(?:it\sis|its)\s)|(?:→|->|=>)\s?(?=[A-G]\W{0,3}\Z))"
    rf"(?P<run>{_RUN}){_ENDS}(?=[)】]?(?:选?项)?(?:[。,;.!\s]|\Z))"
)

# "只剩下B", "只有B符合": as good as a statement.
_ONLY = re.compile(
    rf"(?:只(?:剩|余)下?|仅剩下?|剩下?(?:的)?(?:只有|就是|是)|[只仅唯]有?|锁定(?:为|在|到)?)(?:选项)?[\s(【]?(?P<run>{_RUN}){_ENDS}"
    r"(?=[)】]?(?:选?项)?(?:了|[。,;.!\n\s]|正确|最?符合|对|是对|可以?|能|满足|属于|$))"
)

# "所以D。" at the end, "即B最敏感": a conclusion with its letter only. "即B最危险" warns.
_SO = re.compile(
    r"(?i:\b(?:so|thus|hence|therefore|conclusion|its|it\sis)\b),?:?\s(?i:(?:it\sis|its|the\sanswer\sis)\s)?"
    rf"(?i:option\s)?\(?(?P<run>{_RUN})\)?(?=[\s.!]{{0,4}}\Z|[.!]\s)"
)
_CONCLUSION = re.compile(
    rf"(?:所以|因此|因而|故而?|那么?|综上,?|即)(?:应该?|就|还是|便)?(?:是|为)?[\s(【]?(?P<run>{_RUN}){_ENDS}"
    r"(?=[)】]?(?:选?项)?(?:最(?:佳|好|优|合[适理]|适[合宜当]|恰当|妥当|符合[^不,。;]{0,8}|可能|准确|正确"
    r"|敏感|特异|常见|多见|早|主要|有效|有意义)(?:的(?:选择|选项|答案|一?项)?)?(?=[,。;.!)\s]|\Z)|(?:才(?:对|是))?[。.!\s]{0,5}\Z))"
)
# "None of A, B, D or E has both": letters that are denied together.
_NONE_OF = re.compile(
    r"(?i:\b(?:none\sof|neither)\s(?:options?\s)?)[A-G](?:(?:,?\s?(?:and|or|nor)\s|,\s?|/)[A-G]){1,6}(?![A-Za-z])"
)
# "1A 2B 3C": each letter with its number in a list.
_NUMBERED = re.compile(
    r"(?<=[:\s、,;])\d[.、)]?\s?([A-G])(?=[\s,、;]{1,3}\d[.、)]?\s?[A-G](?![A-Za-z]))"
)
_LAST_NUMBERED = re.compile(r"(?<=[A-G]、)[\s,、;]{0,3}\d[.、)]?\s?([A-G])(?![A-Za-z])")

_WARNING = re.compile(
    # The signs that one can begin with: most places of a text need no further look.
    r"(?=[但注切千请也而且并故因要应不避勿别防以一通多常往绝很许有部大学考初容易可误错A-Zdnarib])(?:"
    r"(?:但|注意|切记|千万|请|也|而|且|并|故|因此)?(?:要|应该|应当|应)?"
    r"(?:不要|不建议|不推荐|不主张|不宜|不应该|不应当|不应|不能|不可以?|不该|不用|不必|不一定(?:是|选)?|避免|切勿|切忌|勿|(?<![分区辨类级特])别|防止"
    r"|以免|(?:一般|通常|多|常|往往)不|不作为|不首|不优先|而不是|而非|并不是|并非|绝不)"
    r"(?:再|会|去|直接)?(?:首|误|错|盲目|优先)?(?:选择|选用|选取|选|考虑|使用|用|答|填)?(?:了|成|为)?"
    rf"{_LETTERS}"
    r"|(?:(?:很多|许多|不少|有些?|部分|大多数?|多数)(?:的)?(?:人|学生|考生|同学|医生|学员)|学生|考生|初学者)"
    r"[^。,;\n]{0,8}?(?:选择?|认为|以为|答)(?:是|为|成|了)?(?:答案是)?"
    rf"{_LETTERS}"
    r"|(?:容易|易|常|常常|往往|可能会?|错误地?)?(?:误|错)(?:选择?|以为|认为|答|判)(?:是|为|成|了)?"
    rf"{_LETTERS}"
    rf"|(?<![{patterns.LATIN}]){_JOINED}(?:选?项)?(?:是|为|属于|都是|均为)(?:最?(?:强|大|常见)的?)?(?:干扰|迷惑|易错|陷阱|错误)(?:选项|项|答案)?(?=[。,;)\n\s]|$)"
    r"|\b(?i:do\snot|dont|don't|not|avoid|never|rather\sthan|instead\sof|beware\sof)\s"
    r"(?i:choose\s|select\s|pick\s|choosing\s|selecting\s|picking\s|confuse\s(?:it\s)?with\s|answer\s)?"
    rf"(?i:options?\s)?{_RUN}{_ENDS}"
    r")"
)
_NO_EXAMPLE = re.compile(
    r"(?:其中|例如|比如|譬如|形如|格式|(?i:e\.g\.|such as))[^\n。]{0,20}\\boxed"
)

_UNDECIDED = re.compile(
    r"(?:(?:无法|不能|难以|没法|很难|不好|不太?|尚不?|不够|未能)(?:最终|完全)?(?:确定|判断|肯定|抉择|取舍|区分|断定|清楚|确认)"
    r"|拿不准|说不准|不知道|犹豫|纠结|(?i:not\ssure|unsure|cannot\s(?:decide|determine)|undecided|torn\sbetween))"
    rf"[^。,;\n]{{0,16}}?{_LETTERS}(?:[^。;\n]{{0,3}}?(?:还是|或者?是?|和|与|抑或|(?i:\bor\b|\band\b))[^。,;\n]{{0,4}}?{_LETTERS})?"
    rf"|(?:答案)?(?:可能|也许|大概|或许)?(?:应该?)?(?:是|选|为)?{_LETTERS},?(?:还是|或者|或|抑或)(?:是|选|为)?{_LETTERS}"
    r"(?:[呢吗吧]?[?]|[呢吗]|(?:都|均|皆)?(?:有|是)?(?:可能|可以))"
    rf"|(?:答案)?(?:可能|也许|大概|或许)?(?:应该?)?(?:是|选|为)?{_LETTERS}还是(?:是|选|为)?{_LETTERS}"
    rf"|(?:答案)?(?:有?可能|也许|或许)(?:是|为|选)?{_LETTERS},?(?:也|或者?|又|亦|但也)(?:有)?(?:可能|也许|或许)?(?:是|为|选)?{_LETTERS}"
    rf"|{_RUN}{_ENDS}(?:都|均|皆)?(?:有|是)可能"
    rf"|{_LETTERS}(?:或者?|抑或){_LETTERS},?\s?我?(?:也)?(?:拿不准|不确定|不好说|说不准|难说)"
    rf"|(?:答案|选)(?:可能)?(?:是|为|:)?{_LETTERS}(?:或者?|抑或){_LETTERS}(?=[。.!\s]{{0,5}}\Z)"
    r"|(?i:(?:either|between|could\sbe|may\sbe|might\sbe)\s(?:options?\s)?)[A-G]\s(?:or|and)\s(?:(?i:option)\s)?[A-G]\b"
    r"|(?<![A-Za-z])[A-G]\sor\s[A-G]\s?\?"
)
_ASCII_WORD = re.compile(r"(?i:\b(?:so|thus|hence|therefore|conclusion|its|is)\b)")
# "B违反原则,当选": the chosen one, whatever the question asks for.
_TAKEN = re.compile(
    rf"(?<![{patterns.LATIN}])([A-G])(?:选?项)?[^A-Z。;\n]{{0,20}}[,\s](?:故|应|因此|所以)?当选(?!的)"
)
# "答案是C……不对": the statement is void; a later one counts.
_TAKEN_BACK = re.compile(
    rf"(?:答案|正确选项|选择?)(?:应该?)?(?:是|为|:)?\s?{_RUN}{_ENDS}[…。.!,;\s—\-]{{1,8}}"
    r"(?:不对(?!称|应|等)|错了|等等|等一下|且慢|[哦噢啊]不)"
)
_UNSURE = re.compile(
    r"(?:无法|不能|难以|没法|很难|拿不准|说不准|不确定"
    r"|(?i:\b(?:not\ssure|unsure|cannot\s(?:decide|determine)|torn\sbetween)))[^。;\n]{0,30}?"
    r"[A-G][^A-Z。;\n]{0,8}?(?:还是|或者?|和|与|(?i:\bor\b|\band\b))[^A-Z。;\n]{0,4}?[A-G](?![A-Za-z])"
)
# No undecided clause is without one of these.
_DOUBT = re.compile(
    r"(?=[或抑还可也不难法能够未拿说犹纠A-Za-z])(?:[或抑]|还是|可能|也许|[不难法能够未][最完]?[终全]?[确判肯抉取区断清]|[拿说]不准|不知道|犹豫|纠结"
    r"|\bor\b|(?i:sure|decide|determine|torn|between|either|could|may|might))"
)
_CONDITION = re.compile(
    r"(?:(?<=[。;\n!?,.)(])|\A)[ \t]*(?:但是|但|而|不过|然而|另外|此外|(?i:but|however,?)\s)?"
    r"(?:若|如果|如若|倘若|假如|假设|假使|要是|如有|如为|如伴|如合并|如出现|如患者|除非|一旦"
    r"|当[^。,;\n]{1,24}时|在[^。,;\n]{2,20}(?:情况下|时),|对于[^。,;\n]{2,20}[,则]"
    r"|(?i:if|unless|in\scase|were|had|for\spatients|when)\b)"
    r"[^。;\n.!?]{0,80}[A-G][^。;\n.!?]{0,20}[。;.!?]?"
)
_AND_THEN = re.compile(
    r"[,;](?:则|才|就|可以?|应该?|宜|需要?){0,3}(?:选|考虑|改用|换用|用|给)|(?:选|答案|是|为|choose|answer|pick|be|is|考虑)"
)

_EXCEPT = re.compile(
    rf"(?:除(?:了|去)?|(?i:(?:all|everything|every\soption)\s(?:except|but)))\s?(?:选项)?({_RUN}){_ENDS}\s?(?:选?项)?(?:\([^()\n]{{0,30}}\))?"
    r"(?:以外|之外|外)?[,、]?\s?(?:其他|其余|其它|剩下|别)?的?(?:选项|各项|说法|叙述|描述|表述|[四三两几]项|[四三两]个(?:选项)?)?(?:的?(?:说法|叙述|描述|表述))?"
    r"(?P<said>(?:都|均|全|皆)?(?:是)?(?:不)?(?:正确|对|符合|属于|是|可以|选|错误?)?)"
)
_OTHERS_RIGHT = re.compile(
    rf"(?<![{patterns.LATIN}])({_JOINED})(?:选?项|[两三四]项)?(?:都|均)?(?:是|的说法)?(?:错误?|不正确|不对|不选|×|不(?:是|属于|符合|包括))的?[,;。]?"
    r"\s?(?:而)?(?:其余|其他|其它|剩下|剩余)的?(?:选项|各项|[两三四]项)?(?:都|均|全|皆)?(?P<said>是?(?:正确|对|选)|是(?=[的。!\s]|\Z))"
)
# Several answers: all of them.
_ALL = re.compile(
    r"\A\s{0,9}(?:以上)?(?:全部|[都均皆全])(?:选项)?[都均]?(?:是|正确|对|选)?[。.!]?\s{0,9}\Z|(?<![不非])(?<!不是)以上[二两三四五六七]?个?选?项?[都均皆全](?:是|属于)(?![非不错误无否假伪干])|(?<![不非])(?<!不是)(?:全选(?!错)|全部(?:都)?(?:选|正确|对)|(?<!并非)都选(?!错)|(?:以上|上述|所有|全部|这?[四五六]个|每个|各个?)"
    r"(?:的)?(?:选?项|说法|答案)?(?:[都全均皆]|全部)?(?:是)?(?:正确|对(?!应|于|照)|符合题意|应选|要选|选(?!项))"
    r"|五项[都全均皆](?:正确|对|选)|(?i:all\sof\sthe\sabove|all\s(?:five\s|four\s)?(?:options\s)?are\s(?:correct|right)))"
)

# "其余选项全部正确" leaves some out.
_REST = re.compile(r"(?:其余|其他|其它|剩下|剩余|另外|[前后][一二两三四五])[^,。;]{0,4}\Z")
_COUNTED = re.compile(r"([二两三四五六七])(?=个(?!月)|选?项|种|者)|\b(?i:(four|five))\b")
_COUNTS = dict(zip("二两三四五六七", (2, 2, 3, 4, 5, 6, 7), strict=True)) | {"four": 4, "five": 5}

# "E（手抖）也正确" after a statement of several letters.
ALSO = re.compile(
    r"(?<![A-Za-z])([A-G])(?:\([^()\n]{0,40}\))?(?:选?项)?(?:也|同样|亦)(?:是|都)?(?:正确|对(?!于)|符合题意|应选|要选)"
)

# Heads of a next question. Text before one counts if it holds an answer already.
NEXT_QUESTION = re.compile(
    r"(?<=\S)\s*(?:下一题|下一道|下一个问题|以下是(?:另)?一道|(?i:next\squestion)"
    r"|\n[ \t>*#]{0,6}(?:[【\[](?:题目|问题|例题?|练习)[^】\]\n]{0,6}[】\]]"
    r"|(?:问题|题目|例题|练习题?|单选题|多选题|多项选择题|单项选择题"
    r"|追问|新题|案例|试题|考题|类似题|变式)\s?[\d一二三四五六]{0,3}\s?[:.、(【\n]|第\s?[\d一二三四五六七八九十]{1,3}\s?题"
    r"|#{1,4}\s?(?:题目|问题|例题|练习|Question)|(?i:question|q|problem|exercise)\s?\d{0,3}\s?[:.]"
    r"|(?:用户|助手|患者|医生|提问|学生|老师|Human|User|Assistant)\s?:)"
    r"|\n[ \t>*#]{0,6}\(?\d{1,3}\s?[.、)](?!\d)[^\n]{0,300}?"
    r"(?:\(\s{0,6}\)|\?|_{2,}|[是为有]:?[ \t]*(?=\n\s*A\s?[.、:)])"
    r"|(?=\n\s{0,3}A\s?[.、:)]))"
    r"|\n[^\n]{4,300}(?:\(\s{0,6}\)|[?]|(?:是|为|有|包括|除外):?)"
    r"[。:]?[ \t]*\n\s{0,3}A\s?[.、:)][^\n]{1,80}\s{1,3}B\s?[.、:)])"
)


def clean(text: str, multiple: bool) -> str:
    """Return the text with its letters in plain capitals and its tables as lines.

    Args:
        text: plain text of one answer, without thinking.
        multiple: true where several letters may be right, so that A-D is a range.
    """
    text = text.translate(_GLYPHS)
    if ":" in text:
        text = _FALSE.sub(r"\1×", _TRUE.sub(r"\1√", text))
    if "(" in text:
        text = _CALLED.sub(lambda match: match[1] + ("√" if match["right"] else "×"), text)
    if "第" in text:
        text = _ORDINAL.sub(lambda match: _ORDER[match[1]], text)
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "[" in text:
        text = _CHECKED.sub("", _UNCHECKED.sub("", text))
    if not text.isascii():
        text = _FOREIGN_LETTER.sub(lambda match: _FOREIGN[match.group()], text)
        text = text.replace("\ufe0f", "").replace("✅", "✓").replace("☑", "✓").replace("✖", "✗")
        text = _MARK_FIRST.sub(r"\2\3 \1", text)
    if "_" in text:
        text = _UNDERLINED.sub(r" \1 ", text)
    if multiple:
        text = _LOWER_LIST.sub(_upper_if_sorted, text)
    for lower in (_LOWER_FIRST, _LOWER_STATED):
        text = lower.sub(_upper, text)
    if "|" in text:
        text = _TABLE_HEAD.sub(_marked_table, text)
        text = _TABLE_FACT.sub(r"\1: \2", _TABLE_RULE.sub("", text))
        text = _BARS.sub("、", text)
        text = _TABLE_ROW.sub(_row, text)
    return _clean_lists(text) if multiple else text


def _clean_lists(text: str) -> str:
    """Return an answer with several letters, its ranges and rarer lists as "A、B"."""
    text = _BOXES.sub("、", _DOTS.sub("、", text))
    text = _BEGINS_WITH_RUN.sub(lambda match: "、".join(match[1]), text)
    text = _COUNTED_RUN.sub(r"答案是\1。", _RUN_THEN_NOTE.sub(r"\1。", text))
    text = _CLAUSE_AFTER_LIST.sub(r"\1。", text)
    text = _LAST_NUMBERED.sub(r"\1", _NUMBERED.sub(r"\1、", text))
    text = _NO_WORDS.sub("", _LEFT_OUT.sub("", text))
    return _RANGE.sub(_spelled, text)


def ticked(text: str) -> str:
    """Return the ticked letters of an answer of nothing but marked letters ("A√ B× C√"), or ""."""
    return "".join(re.findall(r"([A-G])\s?[√✓✔]", text)) if _MARKED.match(text) else ""


def drop_unmeant(text: str) -> str:
    """Return the text without warnings and without letters that it only weighs; corrections become
    statements."""
    if "boxed" in text:
        text = _NO_EXAMPLE.sub("", text)
    text = _TAKEN.sub(r"。答案是\1。", text)
    text = _CORRECTION.sub(lambda match: f"。答案是{match['run']}", text)
    text = _CHANGED.sub(lambda match: f"。答案是{match['run']}", text)
    text = _TAKEN_BACK.sub("。", text)
    text = _ONLY.sub(lambda match: f"。答案是{match['run']} ", text)
    text = _CONCLUSION.sub(lambda match: f"。答案是{match['run']} ", text)
    if _ASCII_WORD.search(text):
        text = _SO.sub(lambda match: f"。答案是{match['run']} ", text)
    text = _NONE_OF.sub("", text)
    if _DOUBT.search(text):
        text = _UNDECIDED.sub("", text)
    return _WARNING.sub("", text)


def is_undecided(text: str) -> bool:
    """Tell if a text says that it cannot choose between two letters: one that it names elsewhere
    is then no answer."""
    return _UNSURE.search(text) is not None


def drop_conditions(text: str) -> tuple[str, int]:
    """Return the text without clauses that name a letter under a condition, and their number."""
    removed = 0

    def drop(match: re.Match) -> str:
        nonlocal removed
        if not _AND_THEN.search(match.group()):
            return match.group()
        removed += 1
        return "。"

    return _CONDITION.sub(drop, text), removed


def excepted(text: str, letters: frozenset[str], multiple: bool) -> str:
    """Return the letters that "除E外都对" leaves: E where one is asked for, else those of the rest.

    "除了C都错" names C in both kinds of question.
    """
    for match in (*_EXCEPT.finditer(text), *_OTHERS_RIGHT.finditer(text)):
        run = {letter for letter in match[1] if letter in letters}
        if not run or not match["said"]:
            continue
        wrong = "错" in match["said"] or "不" in match["said"]
        if multiple:
            return "".join(sorted(run if wrong else letters - run))
        return "".join(run) if len(run) == 1 else ""
    return ""


def means_all(text: str, options: int) -> bool:
    """Return True if a text chooses all options ("以上都是", "五项均正确" of five)."""
    for match in _ALL.finditer(text):
        before = text[max(match.start() - 8, 0) : match.start()]
        near = re.split("[,。;\n]", before)[-1] + match.group()
        counts = [_COUNTS[han or word.lower()] for han, word in _COUNTED.findall(near)]
        if not _REST.search(before) and all(count == options for count in counts):
            return True
    return False


def _upper_if_sorted(match: re.Match) -> str:
    """Small letters in their order are letters ("abd"), in any other order a word ("bad")."""
    run = re.findall("[a-g]", match["run"])
    return _upper(match) if run == sorted(set(run)) else match.group()


def _upper(match: re.Match) -> str:
    begin = match.start("run") - match.start()
    whole = match.group()
    return whole[:begin] + match["run"].upper() + whole[begin + len(match["run"]) :]


def _marked_table(match: re.Match) -> str:
    """Return a table whose column of yes and no holds √ and ×; a column of what to choose that has
    one yes becomes a statement."""
    heads = _cells(match["head"])
    rows = [_cells(row) for row in match["rows"].strip().split("\n")]
    last = len(heads) - 1
    said = [row[last] if len(row) == len(heads) else "" for row in rows]
    yes = [_YES.fullmatch(one) is not None for one in said]
    if not all(one or _NO.fullmatch(text) for one, text in zip(yes, said, strict=True)):
        return match.group()
    letters = [re.match(r"(?:选项)?\(?([A-G])(?![A-Za-z])", row[0]) for row in rows]
    if _ASKS_TO_CHOOSE.search(heads[last]):
        chosen = [letter[1] for letter, one in zip(letters, yes, strict=True) if letter and one]
        return f"答案是{'、'.join(chosen)}。\n" if chosen else match.group()
    inverted = _ASKS_WRONG.search(heads[last]) is not None
    for row, one in zip(rows, yes, strict=True):
        row[last] = "√" if one != inverted else "×"
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(match: re.Match) -> str:
    """A table's row as a line: "| A | 甲药 | 错误 |" becomes "A: 甲药:错误"."""
    cells = [cell.strip() for cell in (match[2], *match[3].split("|")) if cell.strip()]
    return f"{match[1]}: {':'.join(cells)}" if cells else match[1]


def _spelled(match: re.Match) -> str:
    """A range letter by letter; what runs backwards stays."""
    first, last = match.groups()
    if first >= last:
        return match.group()
    return "、".join(map(chr, range(ord(first), ord(last) + 1)))

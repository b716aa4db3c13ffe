"""Remove the clauses of an answer whose letters are not meant, and settle its corrections.

A clause that warns against a letter, weighs two letters or depends on a condition goes. A
correction or a conclusion becomes a statement, so that the last statement is the one that counts.
"""

import re

from collectivesft.scores.extract import patterns

_CORRECTION = re.compile(
    r"(?:(?:(?<=[。,;:\n….!?\s()—\-])|\A)(?:"
    r"不对(?!称|应|等)|[哦噢啊呃]?不,|不,?不|错了|(?:更正|纠正|修正|改正)(?:一下)?|抱歉|对不起|等等|等一下|且慢|再想想|重新考虑|重新分析|更准确地说"
    r"|我(?:搞|弄|说|看|记)错了"
    r"|(?i:actually|correction|corrected|wait|sorry|no(?=[,.])|hmm"
    r"|on second thought|my mistake)"
    r")[,:.…!。 \t\-—]{0,4}(?:而|这里|其实|实际上|准确地说|正确的?)?){1,4}"
    r"(?:应该|应当|应)?(?:改?是|改?为|改?选|(?i:its?\s|it\sis\s|should\sbe\s|(?:the\s(?:correct\s)?answer\s)?(?:is|was)\s|i\smeant?\s))?[\s:]{0,3}"
    rf"(?P<run>{patterns.NAMED_RUN}){patterns.NO_TERM}(?!\s?\?)(?!(?:选?项)?{patterns.DENIED})"
)
_CHANGED = re.compile(
    rf"(?:(?:更正|修正|纠正|改正?|改选|修改)(?:为|成|选)\s?[:(【]?\s?"
    r"|(?:其实|实际上|实则|实|后来发现|后来认为|结果)(?:应该?|正确答案)?(?:是|为|选)(?:选项)?\s?"
    r"|\([^()\n]{0,8}(?:修改|更正|改正|订正)[^()\n]{0,4}\)\s?"
    r"|\b(?i:but\s(?:actually\s|now\s)?(?:it\sis|its)\s)|(?:→|->|=>)\s?(?=[A-G]\W{0,3}\Z))"
    rf"(?P<run>{patterns.NAMED_RUN}){patterns.NO_TERM}(?=[)】]?(?:选?项)?(?:[。,;.!\s]|\Z))"
)
# "只剩下B", "只有B符合": as good as a statement.
_ONLY = re.compile(
    rf"(?:只(?:剩|余)下?|仅剩下?|剩下?(?:的)?(?:只有|就是|是)|[只仅唯]有?|锁定(?:为|在|到)?)(?:选项)?[\s(【]?(?P<run>{patterns.NAMED_RUN}){patterns.NO_TERM}"
    r"(?=[)】]?(?:选?项)?(?:了|[。,;.!\n\s]|正确|最?符合|对|是对|可以?|能|满足|属于|$))"
)
# "所以D。" at the end, "即B最敏感": a conclusion with its letter only. "即B最危险" warns.
_SO = re.compile(
    r"(?i:\b(?:so|thus|hence|therefore|conclusion|its|it\sis)\b),?:?\s(?i:(?:it\sis|its|the\sanswer\sis)\s)?"
    rf"(?i:option\s)?\(?(?P<run>{patterns.NAMED_RUN})\)?(?=[\s.!]{{0,4}}\Z|[.!]\s)"
)
_CONCLUSION = re.compile(
    rf"(?:所以|因此|因而|故而?|那么?|综上,?|即)(?:应该?|就|还是|便)?(?:是|为)?[\s(【]?(?P<run>{patterns.NAMED_RUN}){patterns.NO_TERM}"
    r"(?=[)】]?(?:选?项)?(?:最(?:佳|好|优|合[适理]|适[合宜当]|恰当|妥当|符合[^不,。;]{0,8}|可能|准确|正确"
    r"|敏感|特异|常见|多见|早|主要|有效|有意义)(?:的(?:选择|选项|答案|一?项)?)?(?=[,。;.!)\s]|\Z)|(?:才(?:对|是))?[。.!\s]{0,5}\Z))"
)
# "None of A, B, D or E has both": letters that are denied together.
_NONE_OF = re.compile(
    r"(?i:\b(?:none\sof|neither)\s(?:options?\s)?)[A-G](?:(?:,?\s?(?:and|or|nor)\s|,\s?|/)[A-G]){1,6}(?![A-Za-z])"
)
_WARNING = re.compile(
    # The signs that one can begin with: most places of a text need no further look.
    r"(?=[但注切千请也而且并故因要应不避勿别防以一通多常往绝很许有部大学考初容易可误错A-Zdnarib])(?:"
    r"(?:但|注意|切记|千万|请|也|而|且|并|故|因此)?(?:要|应该|应当|应)?"
    r"(?:不要|不建议|不推荐|不主张|不宜|不应该|不应当|不应|不能|不可以?|不该|不用|不必|不一定(?:是|选)?|避免|切勿|切忌|勿|(?<![分区辨类级特])别|防止"
    r"|以免|(?:一般|通常|多|常|往往)不|不作为|不首|不优先|而不是|而非|并不是|并非|绝不)"
    r"(?:再|会|去|直接)?(?:首|误|错|盲目|优先)?(?:选择|选用|选取|选|考虑|使用|用|答|填)?(?:了|成|为)?"
    rf"{patterns.NAMED_OPTIONS}"
    r"|(?:(?:很多|许多|不少|有些?|部分|大多数?|多数)(?:的)?(?:人|学生|考生|同学|医生|学员)|学生|考生|初学者)"
    r"[^。,;\n]{0,8}?(?:选择?|认为|以为|答)(?:是|为|成|了)?(?:答案是)?"
    rf"{patterns.NAMED_OPTIONS}"
    r"|(?:容易|易|常|常常|往往|可能会?|错误地?)?(?:误|错)(?:选择?|以为|认为|答|判)(?:是|为|成|了)?"
    rf"{patterns.NAMED_OPTIONS}"
    rf"|(?<![{patterns.LATIN}]){patterns.NAMED_JOINED}(?:选?项)?(?:是|为|属于|都是|均为)(?:最?(?:强|大|常见)的?)?(?:干扰|迷惑|易错|陷阱|错误)(?:选项|项|答案)?(?=[。,;)\n\s]|$)"
    r"|\b(?i:do\snot|dont|don't|not|avoid|never|rather\sthan|instead\sof|beware\sof)\s"
    r"(?i:choose\s|select\s|pick\s|choosing\s|selecting\s|picking\s|confuse\s(?:it\s)?with\s|answer\s)?"
    rf"(?i:options?\s)?{patterns.NAMED_RUN}{patterns.NO_TERM}"
    r")"
)
_NO_EXAMPLE = re.compile(
    r"(?:其中|例如|比如|譬如|形如|格式|(?i:e\.g\.|such as))[^\n。]{0,20}\\boxed"
)
_UNDECIDED = re.compile(
    r"(?:(?:无法|不能|难以|没法|很难|不好|不太?|尚不?|不够|未能)(?:最终|完全)?(?:确定|判断|肯定|抉择|取舍|区分|断定|清楚|确认)"
    r"|拿不准|说不准|不知道|犹豫|纠结|(?i:not\ssure|unsure|cannot\s(?:decide|determine)|undecided|torn\sbetween))"
    rf"[^。,;\n]{{0,16}}?{patterns.NAMED_OPTIONS}(?:[^。;\n]{{0,3}}?(?:还是|或者?是?|和|与|抑或|(?i:\bor\b|\band\b))[^。,;\n]{{0,4}}?{patterns.NAMED_OPTIONS})?"
    rf"|(?:答案)?(?:可能|也许|大概|或许)?(?:应该?)?(?:是|选|为)?{patterns.NAMED_OPTIONS},?(?:还是|或者|或|抑或)(?:是|选|为)?{patterns.NAMED_OPTIONS}"
    r"(?:[呢吗吧]?[?]|[呢吗]|(?:都|均|皆)?(?:有|是)?(?:可能|可以))"
    rf"|(?:答案)?(?:可能|也许|大概|或许)?(?:应该?)?(?:是|选|为)?{patterns.NAMED_OPTIONS}还是(?:是|选|为)?{patterns.NAMED_OPTIONS}"
    rf"|(?:答案)?(?:有?可能|也许|或许)(?:是|为|选)?{patterns.NAMED_OPTIONS},?(?:也|或者?|又|亦|但也)(?:有)?(?:可能|也许|或许)?(?:是|为|选)?{patterns.NAMED_OPTIONS}"
    rf"|{patterns.NAMED_RUN}{patterns.NO_TERM}(?:都|均|皆)?(?:有|是)可能"
    rf"|{patterns.NAMED_OPTIONS}(?:或者?|抑或){patterns.NAMED_OPTIONS},?\s?我?(?:也)?(?:拿不准|不确定|不好说|说不准|难说)"
    rf"|(?:答案|选)(?:可能)?(?:是|为|:)?{patterns.NAMED_OPTIONS}(?:或者?|抑或){patterns.NAMED_OPTIONS}(?=[。.!\s]{{0,5}}\Z)"
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
    rf"(?:答案|正确选项|选择?)(?:应该?)?(?:是|为|:)?\s?{patterns.NAMED_RUN}{patterns.NO_TERM}[…。.!,;\s—\-]{{1,8}}"
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

"""Patterns of the corrected reading: expressions over plain text (NFKC, without quote marks).

Repetitions are bounded: a text of nothing but spaces must not take quadratic time.
"""

import re

# Letters, digits and signs that make a Latin letter part of a name: CT, B12, A-V, 37°C.
LATIN = r"A-Za-z0-9_\u00c0-\u00d6\u00d8-\u024f\u0370-\u03ff°·\-"
HAN = r"\u3400-\u9fff"
# Characters that turn the letter before them into a term: B超, A型, C肽, B族, T波, A链, A群.
TERM = "超型族肽级类期股区链球细抗波段杆群淋"
DENIED = (
    r"(?:选?项)?(?:是|都|均|则|明显|显然){0,3}(?:\s?\(?[×✗✘❌]|错|不正确|不对|不符|不选(?!择?[A-Z])"
    r"|不成立|有误|排除|不是|不能选|不考虑)"
)
# A letter that no Latin word, number or term takes in: not CT, B12, B超.
NO_TERM = rf"(?![{LATIN}{TERM}])"
# Letters that a clause names: a list ("A", "A、B或C"), one without blanks, one as "选项(A、B)".
NAMED_RUN = r"[A-Z](?:(?:\s?(?:以及|[,、;和与及或/+])\s?|\s?(?:and|or)\s)?[A-Z]){0,8}"
NAMED_JOINED = r"[A-Z](?:[、和与及]?[A-Z]){0,6}"
NAMED_OPTIONS = rf"(?:选项)?\s?[(【]?{NAMED_RUN}{NO_TERM}[)】]?(?:选?项)?"
_AFTER = rf"(?![{LATIN}{TERM}])(?!{DENIED})"
_SEPARATOR = r"[ \t]{0,3}(?:以及|,?\s?and\b|[,、;和与及或&/+])?[ \t]{0,3}"
_LETTERS = rf"[A-Z](?:(?:{_SEPARATOR}|[)\]】]{_SEPARATOR}[(\[【])[A-Z])*"
# Bounded, where a search begins at each letter of a long list again.
_FEW_LETTERS = _LETTERS.removesuffix("*") + "{0,40}"
_DOTTED = r"[A-Z](?:\.[A-Z])+(?=[.。\s]|$)"
_RUN = rf"(?:{_DOTTED}|{_LETTERS}{_AFTER})"
_FILLER = r"[\s:【\[(<《{]{0,9}"
_OPTION = r"(?:选项|选择|选|是|为|第)?"
# Words between 答案 and its verb: 答案应该是, 答案很可能为, 答案当然就是.
_SURELY = (
    "(?:应该|应当|应|就|很可能|可能|大概|必然|显然|无疑|确实|也许|最终"
    "|当然|只能|便|即|则|分别|依次)"
)
# Species whose genus is a capital and a full stop: E. coli is no option E.
_SPECIES = (
    r"\.\s?(?:coli|difficile|albicans|cereus|baumannii|perfringens|tetani|botulinum|fragilis"
    r"|anthracis|pertussis|diphtheriae|trachomatis|neoformans|burgdorferi|fumigatus|aerogenes"
    r"|cloacae|faecalis|faecium|histolytica|granulosus|duodenale|lumbricoides|abortus|melitensis"
    r"|quintana|henselae|psittaci|pneumoniae)(?![a-z])"
)
# "正确做法:A不用" states what is right about A, and does not choose it.
_NOT_DONE = (
    rf"[A-Z](?:{_SEPARATOR}[A-Z]){{0,8}}[ \t]?(?:选?项)?(?:应该?|要|须|可以?|均|都|则){{0,2}}"
    r"(?:[不无非勿忌]|禁[用忌]|停[用止]|避免)"
)

STATEMENT = re.compile(
    rf"""(?=[答正符结首选AaOoCcIi\\<\[Ff])(?:
        (?:答案|正确选项|正确的选项|正确的|符合题意的|正确项
                |(?P<way>正确(?:措施|做法|处理|说法|描述)|结论(?=[】\])>\s]{{0,3}}(?:应该?|就|便|即|选|是|为|:|\n))))[】\])>\s]{{0,3}}{_SURELY}{{0,2}}
            (?:选择|选|是|为|有|包括|即|:|-|=)?{_FILLER}{_OPTION}
      | (?<![不非])首选(?:药物?|措施|方法|治疗|检查)?(?:应该|应)?(?:是|为){_FILLER}{_OPTION}
      | (?<![不未勿非排可待])(?<!不[能应可会该宜])(?:选择|选(?!项))(?:的(?:是)?)?{_FILLER}{_OPTION}
      | (?P<options>(?<![供待各误他它余])选项)(?:应该|应当|应)?(?:是|为|:){_FILLER}
      | (?i:\b(?:answers?|(?P<choices>options?|choices?))
            \s*(?:is|are|would\s+be|should\s+be|must\s+be|has\s+to\s+be|:|=))
            {_FILLER}(?i:options?\s|choices?\s|the\s+letter\s)?
      | (?i:\bI(?:ll|d|\s+would|\s+will)?\s+(?:choose|select|pick|go\s+(?:with|for))\s)
            (?i:options?\s)?
      | \\boxed\s?{{\s?(?:\\(?:text|mathrm|mathbf|textbf)\s?{{)?
      | (?i:<answer>|\[answer\]|final\s+answer)
    ){_FILLER}(?(way)(?!{_NOT_DONE}))(?P<run>{_RUN}(?!{_SPECIES}))""",
    re.X,
)
# Text between the lead and its letters.
LED = re.compile(rf"{_FILLER}{_OPTION}{_FILLER}(?P<run>{_RUN})")
# A line that begins with letters, as an answer does: "B", "B. 阿司匹林", "A、C", "(AC)".
LINE = re.compile(
    rf"(?:^|(?<=;))[ \t>#【\[(]{{0,9}}({_DOTTED}|(?>{_LETTERS}){_AFTER})(?=[\s.。、,:;!)\]】]|$"
    r"|\((?![^()\n]{0,30}\)\s?\?))",
    re.M,
)
# The question's options written again in one line, as "A. xx B. xx C. xx".
RESTATED = re.compile(r"A\s?[.、:][^\n]{1,80}?[\s;,。]B\s?[.、:][^\n]{1,80}?[\s;,。]C\s?[.、:]")
FIRST_SENTENCE = re.compile(r"([A-Z])。(?![A-Z])")
# One option, again and again in one line, by a small model.
REPEATED = re.compile(r"(([A-Z])[.、:][^\n]{1,40}?)(?:\s{1,3}\1){1,200}[^\n]{0,40}")
LAST_LINE = re.compile(rf"\n[ \t>#【\[(]{{0,9}}({_DOTTED}|{_LETTERS})[ \t.。!)\]】]{{0,3}}\Z")
# "B正确", "A、C两项的说法都是正确的", "D is correct".
VERDICT = re.compile(
    rf"""(?<![{LATIN}/])((?>{_FEW_LETTERS}))(?![{LATIN}])
    \s?(?:选?项|[两三四五六]个?选?项)?(?:的?(?:说法|叙述|描述|表述))?
    (?:[是为都均才最也皆]{{0,3}}(?:应该|应|完全)?
        (?:正确|符合题意|合适|恰当|妥当|成立|佳(?:选择|选项|答案)|对(?=[\s,。、;.!)的]|[A-Z][对错]|$))
      |\s?\(?[√✓✔]|\)?\s(?:is|are)\s(?:both\s|all\s)?(?:the\s)?(?:most\s|best\s)?
        (?:correct|right|answers?|best|appropriate|preferred|drug\sof\schoice|first[\s-](?:line|choice))
      |\)?\s(?:fits|matches)\s(?:the\s)?best)""",
    re.X,
)
TICK = re.compile("[√✓✔]")
# Single letters, one or a list of them: "A", "A、B", "A和C".
_ALONE = rf"(?<![{LATIN}/])[A-Z](?![{LATIN}/])"
LIST = re.compile(rf"{_ALONE}(?:[ \t]{{0,3}}[、和与及或&+][ \t]{{0,3}}{_ALONE})*")
# Text before a letter that is part of a term (维生素C, hepatitis B, type A) or denied.
TERM_BEFORE = re.compile(
    r"(?:维生素|维他命|肝炎|病毒|因子|蛋白|辅酶|球菌|免疫球蛋白|抗原|受体|排除|否定|除外|除了"
    r"|[不勿](?:应该|应|能|该|可能|可)?(?:是|为|选择|选|考虑|包括|包含|含)"
    r"|(?i:vitamins?|hepatitis|types?|groups?|influenza|class|grade|stage|factor|protein|not))"
    r"(?:选项)?\s*$"
)
DENIED_AFTER = re.compile(
    rf"\s?{DENIED}|\s(?i:is|are)\s(?:not|wrong|incorrect)|型"
    # "A：错": the word only, since an option may begin so ("A. 错构瘤").
    r"|\s?[:.、]\s?(?:错误?|不正确|不对|不符合题意|不选|有误|[×✗✘❌]"
    r"|(?i:wrong|incorrect|false)\b)(?=[\s,。.;、!)]|$)"
)
ARTICLE = re.compile(r"\s+(?!is\b|and\b|or\b|are\b)[a-z]")
SPECIES = re.compile(_SPECIES)
# Han characters that may be right before or after a letter that means an option.
HAN_BEFORE = set("选项择是为案和与及或即故有括含")
HAN_AFTER = re.compile(r"[选项和与及或是为正对错均都]|[两三四五]个?选?项|吧(?=[\s。.!]|$)")
# Words of a line that begins an explanation, and no question or answer.
ANALYSIS = re.compile("分析|解析|判断|选项|如下|理由|原因|错误|不[是属包正]")
# A model that declines to answer.
REFUSAL = re.compile(
    r"抱歉|对不起|(?:无法|不能|不便|没有办法|难以)(?:给出|提供|回答|确定|判断|作答|做出|直接)"
    r"|请(?:及时)?(?:咨询|就医)|不予回答|拒绝回答"
    r"|(?i:\b(?:can ?not|can't|unable to|not able to)\s+(?:answer|provide|determine|help|give)"
    r"|I(?:'m| am) sorry|I apologi[sz]e|as an AI)"
)

"""English names of what results name in Chinese, for figures that show both."""

SUBCATEGORIES = {
    "规培结业": "residency completion",
    "住院医师": "resident",
    "执业助理医师": "asst. physician licence",
    "执业医师": "physician licence",
    "中级职称": "attending",
    "高级职称": "senior",
    "护士执业资格": "nurse licence",
    "护师执业资格": "junior nurse",
    "主管护师": "nurse in charge",
    "高级护师": "senior nurse",
    "执业西药师": "pharmacist licence",
    "执业中药师": "TCM pharmacist licence",
    "初级药士": "junior dispenser",
    "初级药师": "junior pharmacist",
    "初级中药士": "junior TCM dispenser",
    "初级中药师": "junior TCM pharmacist",
    "主管药师": "pharmacist in charge",
    "主管中药师": "TCM pharmacist in charge",
    "医技士": "junior technician",
    "医技师": "technician",
    "主管技师": "technologist in charge",
    "基础医学": "basic medicine",
    "临床医学": "clinical medicine",
    "预防医学与公共卫生学": "prevention, public health",
    "中医学与中药学": "TCM and its pharmacy",
    "护理学": "nursing",
    "考研政治": "politics",
    "西医综合": "Western medicine",
    "中医综合": "TCM",
}


def short(label: str, most: int = 26) -> str:
    """Return a label that fits a column; a label that is too long ends in an ellipsis."""
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"

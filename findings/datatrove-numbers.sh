#!/usr/bin/env bash
# datatrove's MinHash replaces each number by 0 and each punctuation mark by a space before it
# compares: two cases that differ in age, temperature, dose and in < or > are copies to it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q datatrove==0.10.1 regex==2026.11.19 tokenizers==0.23.3
venv/bin/python - 2>log <<'PY' || { tail -20 log; exit 1; }
from importlib.metadata import version

from datatrove.data import Document
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig
from datatrove.utils.word_tokenizers import WordTokenizer


class Characters(WordTokenizer):
    """Splits Chinese into characters, which needs no further package."""

    def word_tokenize(self, text):
        return [letter for letter in text if not letter.isspace()]

    def sent_tokenize(self, text):
        return [text]

    def span_tokenize(self, text):
        return [(0, len(text))]


case = "患者男，{}岁，体温{}℃，每日口服该药{} mg，动脉血pH{}，下一步最合适的处理是什么？"
texts = [case.format("25", "36.5", "5", ">7.35"), case.format("75", "39.5", "500", "<7.15")]
texts += [case.format("25", "36.5", "5", "正常").replace("男", "女").replace("该药", "华法林")]
# The default hash is that of xxhash, whose version 4 refuses the texts that datatrove gives it.
config = MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))


def documents():
    return [Document(text=text, id=str(number)) for number, text in enumerate(texts)]


MinhashDedupSignature("signatures", config=config, language=Characters("zh")).run(documents())
for bucket in range(config.num_buckets):
    MinhashDedupBuckets("signatures", "buckets", config=config).run(None, bucket, config.num_buckets)
MinhashDedupCluster("buckets", "copies", config=config).run(None)
kept = [document.text for document in MinhashDedupFilter("copies").run(documents())]
print("datatrove", version("datatrove"), config.norm_config)
print("kept:", kept)
assert kept == [texts[0], texts[2]], "the first two cases are apart now"
PY

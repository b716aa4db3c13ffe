"""Show a model's folder as transformers 4 reads it; run by .venv-transformers4's Python.

python older_transformers.py FOLDER OUT.json: token ids of texts and of a chat, the mask of the
marked template, logits as float32 in hexadecimal.
"""

import json
import sys
from pathlib import Path

TEXTS = ("头痛三天，伴有发热，应该怎么办？", "the  drug of choice is penicillin, 500 mg")
CHAT = [
    {"role": "user", "content": "血压 150/95 mmHg 偏高？"},
    {"role": "assistant", "content": "请复查血压。"},
    {"role": "user", "content": "头痛"},
    {"role": "assistant", "content": "多休息，多喝水。"},
]


def describe(folder: Path) -> dict:
    """Return ids, mask and logits of one folder, by the transformers of this process."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, torch_dtype=torch.float32, output_loading_info=True
    )
    how = {"return_dict": True, "return_assistant_tokens_mask": True}
    marked = (folder / "training_template.jinja").read_text("utf-8")
    chat = tokenizer.apply_chat_template(CHAT, chat_template=marked, **how)
    prompt = tokenizer.apply_chat_template(
        CHAT[:1], add_generation_prompt=True, return_dict=True, tokenize=True
    )["input_ids"]
    with torch.inference_mode():
        logits = model.eval()(torch.tensor([chat["input_ids"]])).logits[0]
        answer = model.generate(torch.tensor([prompt]), max_new_tokens=8, do_sample=False)
    return {
        "version": transformers.__version__,
        "classes": [type(model).__name__, type(tokenizer).__name__],
        "lacks": sorted(report["missing_keys"]) + sorted(report["unexpected_keys"]),
        "texts": [tokenizer(text)["input_ids"] for text in TEXTS],
        "chat": chat["input_ids"],
        "mask": chat["assistant_masks"],
        "prompt": prompt,
        "answer": answer[0].tolist(),
        "logits": [value.hex() for value in logits.flatten().tolist()],
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(describe(Path(sys.argv[1]))), "utf-8")

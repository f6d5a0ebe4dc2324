"""A small complete profile in the columns of LLMServingSim."""

from pathlib import Path

HEAD = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"


def build(folder: Path, **tables: str) -> Path:
    """Write a small complete profile; `tables` replace the text of files."""
    attention = [
        f"{c},{h},{n},{d},{1 + c * (h + c) * 1e-4 + n * d * 1e-3}"
        for c in (0, 16, 32)
        for h in (0, 16, 32)
        for n in (0, 1, 2)
        for d in (0, 16, 32)
        if (c or not h) and (n or not d) and (c or n) and (d or not n)
    ]
    texts = {
        "meta": "gpu: toy\nmodel: toy\nvllm_version: 1\nprofiled_at: 2026-01-01\n",
        "dense": "layer,tokens,time_us\nqkv_proj,1,10\nqkv_proj,64,20\nembedding,1,2\n",
        "per_sequence": "layer,sequences,time_us\nlm_head,1,100\n",
        "attention": HEAD + "\n".join(attention) + "\n",
        **tables,
    }
    (folder / "tp1").mkdir(parents=True)
    (folder / "meta.yaml").write_text(texts.pop("meta"))
    for name, text in texts.items():
        (folder / "tp1" / f"{name}.csv").write_text(text)
    return folder

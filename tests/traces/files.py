"""One small file of every format, all of the same three requests."""

import json
from collections.abc import Mapping

ARRIVAL = [0.0, 1.5, 4.0]
PROMPT = [1000, 20, 600]
OUTPUT = [5, 70, 9]


def lines(*rows: Mapping[str, object]) -> str:
    """Return JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def _calls(first: int) -> list[dict[str, object]]:
    counts = [-(-prompt // 64) for prompt in PROMPT]
    return [
        {"t": t, "type": "n", "model": "m", "in": i, "out": o, "hash_ids": list(range(first, first + count))}
        for t, i, o, count in zip(ARRIVAL, PROMPT, OUTPUT, counts, strict=True)
    ]


AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BLIS_HEADER = "trace_version: 3\ntime_unit: microseconds\nmode: real\nserver:\n  type: vllm\n  block_size: 16\n"
BLIS = (
    "request_id,client_id,tenant_id,slo_class,session_id,round_index,prefix_group,prefix_length,streaming,"
    "input_tokens,output_tokens,text_tokens,image_tokens,audio_tokens,video_tokens,reason_ratio,model,deadline_us,"
    "server_input_tokens,arrival_time_us,send_time_us,first_chunk_time_us,last_chunk_time_us,num_chunks,status,"
    "error_message,finish_reason\n"
    "0,c0,t0,standard,s0,0,g,400,true,600,5,600,0,0,0,0,m,0,1000,1000000,1000000,1100000,1200000,5,ok,,stop\n"
    "1,c0,t0,batch,,0,,0,true,18,70,18,0,0,0,0,m,0,20,2500000,2500000,2600000,2700000,70,ok,,stop\n"
    '2,c1,t1,batch,s0,1,g,400,true,200,9,200,0,0,0,0,m,0,600,5000000,5000000,5100000,5200000,9,ok,"a, b",stop\n'
)
FILES: dict[str, tuple[str, str]] = {
    "azure 2023": (
        "azure-2023",
        AZURE + "2023-11-16 18:15:46.6805900,1000,5\n2023-11-16 18:15:48.1805900,20,70\n"
        "2023-11-16 18:15:50.6805900,600,9\n",
    ),
    "azure 2024": (
        "azure-2024",
        AZURE + "2024-05-10 00:00:00.009930+00:00,1000,5\n2024-05-10 00:00:01.509930+00:00,20,70\n"
        "2024-05-10 00:00:04.009930+00:00,600,9\n",
    ),
    "burstgpt with six columns": (
        "burstgpt",
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "0,ChatGPT,1000,5,1005,Conversation log\n1.5,GPT-4,20,70,90,API log\n4,ChatGPT,600,9,609,Conversation log\n",
    ),
    "burstgpt with eight columns": (
        "burstgpt",
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "0,a,1.5,ChatGPT,1000,5,1005,Conversation log\n1.5,,0.5,GPT-4,20,70,90,API log\n"
        "4,a,2,ChatGPT,600,9,609,Conversation log\n",
    ),
    "mooncake in milliseconds": (
        "mooncake",
        lines(
            {"timestamp": 0, "input_length": 1000, "output_length": 5, "hash_ids": [1, 2]},
            {"timestamp": 1500, "input_length": 20, "output_length": 70, "hash_ids": [3]},
            {"timestamp": 4000, "input_length": 600, "output_length": 9, "hash_ids": [1, 4]},
        ),
    ),
    "mooncake of alibaba in seconds": (
        "mooncake",
        lines(
            *(
                {
                    "chat_id": chat,
                    "parent_chat_id": parent,
                    "timestamp": at,
                    "input_length": prompt,
                    "output_length": output,
                    "type": "text",
                    "turn": 1,
                    "hash_ids": list(range(100 * chat, 100 * chat + -(-prompt // 16))),
                }
                for chat, parent, at, prompt, output in zip(
                    [7, 9, 8], [-1, -1, 7], [61.25, 62.75, 65.25], PROMPT, OUTPUT, strict=True
                )
            )
        ),
    ),
    "guidellm": (
        "mooncake",
        lines(
            *(
                {"timestamp": at + 0.25, "input_length": prompt, "output_length": output}
                for at, prompt, output in zip(ARRIVAL, PROMPT, OUTPUT, strict=True)
            )
        ),
    ),
    "splitwise": (
        "splitwise",
        "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n"
        "0,2,0,10.0,1,1000,5\n1,2,1,11.5,1,20,70\n2,2,0,14.0,1,600,9\n",
    ),
    "apex lines": (
        "apex",
        lines(
            *(
                {
                    "StartTimeOffset": int(at * 1e9),
                    "RequestID": str(k),
                    "ContextTokens": prompt,
                    "GeneratedTokens": output,
                }
                for k, (at, prompt, output) in enumerate(zip(ARRIVAL, PROMPT, OUTPUT, strict=True))
            )
        ),
    ),
    "apex table": (
        "apex",
        "request_id,arrival_ns,input_tokens,output_tokens\n0,0,1000,5\n1,1500000000,20,70\n2,4000000000,600,9\n",
    ),
    "vidur": (
        "vidur",
        "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,1000,5\n1.5,20,70\n4.0,600,9\n",
    ),
    "llmservingsim": (
        "llmservingsim",
        "request_id,input_toks,output_toks,arrival_s,ttft_s\nr0,1000,5,0.5,0.1\nr1,20,70,2.0,0.1\nr2,600,9,4.5,0.1\n",
    ),
    "weka lines": ("weka", lines(*({"id": "c", **call} for call in _calls(1)))),
    "weka conversations": (
        "weka",
        lines({"id": "c", "block_size": 64, "hash_id_scope": "local", "requests": _calls(1)}),
    ),
    "blis table": ("blis", BLIS),
    "blis with its header": ("blis", BLIS_HEADER + BLIS),
}
"Format and text by the name of the sample."

"""LiteLLM's own Router as a library, without a server around it: a peer of bench/gateway.py.

Run by it in a process of its own; prints latencies and CPU seconds as JSON.
"""

import asyncio
import json
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: TID251  the peer itself

litellm.suppress_debug_info = True


async def main(api_base: str, *, is_stream: bool, calls: int, in_flight: int) -> None:
    """Make the calls and print the figures."""
    params = {"model": "openai/ok", "api_key": "none", "api_base": api_base, "max_retries": 0}
    router = litellm.Router(
        model_list=[{"model_name": "ok", "litellm_params": params}], num_retries=0
    )
    content = "Explain in two sentences how a ledger keeps credits from being spent twice."
    request = {
        "model": "ok",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 100,
    }
    if is_stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}

    async def one() -> float:
        start = time.perf_counter()
        answer = await router.acompletion(**request)
        if is_stream:
            async for _ in answer:
                pass
        return time.perf_counter() - start

    for _ in range(20):
        await one()
    left, latencies = calls, []

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            latencies.append(await one())

    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu,
                "latencies": latencies,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1],
            is_stream=sys.argv[2] == "stream",
            calls=int(sys.argv[3]),
            in_flight=int(sys.argv[4]),
        )
    )

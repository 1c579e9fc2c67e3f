"""Takes a map apart: each item is an AsyncResult of its own, with its own time, place and output.

ipcluster start -n 4 &
python customresults.py
"""

from __future__ import annotations

import camshaft as ipp


def work(number: int) -> int:
    """Sleep a little, print, return the square."""
    import random
    import time

    time.sleep(random.uniform(0.01, 0.1))
    print(f"number {number} was here")
    return number * number


def main() -> None:
    """Collect results as they come, by their message ids."""
    with ipp.Client() as rc:
        rc.wait_for_engines(1, timeout=30)
        pending = set(rc.load_balanced_view().map_async(work, range(10)).msg_ids)
        while pending:
            rc.wait(pending, timeout=0.05)  # whatever is done after so many seconds is dealt with
            finished = pending.difference(rc.outstanding)
            pending -= finished
            for msg_id in finished:
                part = rc.get_result(msg_id)
                seconds = (part.completed - part.started).total_seconds()
                print(f"engine {part.engine_id}, {seconds:.3f} s: {part.get():2d}, and said: {part.stdout.strip()}")


if __name__ == "__main__":
    main()

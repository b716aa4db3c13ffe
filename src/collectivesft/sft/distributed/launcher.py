"""Run torchrun: ``python -m collectivesft.sft.distributed.launcher``, with torchrun's options.

A training that is asked to stop saves itself first. torchrun by itself would kill it after half a
minute, would die of SIGUSR1, and would end with code 1 whatever its processes end with.
"""

import signal
import sys

from collectivesft.sft.distributed.stop_signal import REQUEUE

# Seconds for the last step and its checkpoint: Slurm's profile asks five minutes before the end.
SAVING_S = 290
SIGNALS = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"


def main(arguments: list[str]) -> int:
    """Run a program in several processes; the exit code: 75 if it was asked to stop.

    Args:
        arguments: torchrun's.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    own = [f"--signals-to-handle={SIGNALS}", f"--shutdown-timeout={SAVING_S}"]
    try:
        run.main([*own, *arguments])
    except SignalException as error:
        if error.sigval not in (signal.SIGTERM, signal.SIGUSR1):
            raise
        return REQUEUE
    except ChildFailedError as error:
        if REQUEUE not in {failure.exitcode for failure in error.failures.values()}:
            raise
        return REQUEUE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``precision: auto`` is bfloat16 where the processor multiplies it, in all processes alike."""

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.config.experiment import Training, read_experiment
from collectivesft.sft.distributed.world import World
from collectivesft.sft.loop import precision as module
from collectivesft.sft.loop.precision import cpu_flags, decided

CPU, GPU = World(0, 1, "cpu"), World(0, 1, "cuda:0")
AUTO = Training(precision="auto")


@pytest.fixture
def flags(monkeypatch):
    """Give the processor these flags."""
    return lambda *names: monkeypatch.setattr(module, "cpu_flags", lambda: set(names))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(["avx2"], "float32"), (["avx2", "avx512_bf16"], "bfloat16"), (["amx_bf16"], "bfloat16"),
     (["amx_tile", "amx_int8"], "float32"), ([], "float32")],
)  # fmt: skip
def test_the_processors_flags_decide_on_a_cpu(flags, names, wanted):
    flags(*names)
    assert decided(AUTO, CPU).precision == wanted
    assert decided(AUTO, GPU).precision == "bfloat16"
    for given in ("float32", "bfloat16"):
        assert decided(Training(precision=given), CPU).precision == given


def test_one_slow_machine_decides_for_all(flags, monkeypatch):
    flags("avx512_bf16")
    monkeypatch.setattr(World, "sum", lambda self, *values: [values[0] + 1])  # another has none
    assert decided(AUTO, CPU).precision == "float32"


def test_flags_are_read_from_the_system(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text(
        "processor\t: 0\nflags\t\t: fpu sse avx512_bf16\n\nprocessor\t: 1\nflags\t: x\n"
    )
    assert cpu_flags(path) == {"fpu", "sse", "avx512_bf16"}
    assert cpu_flags(tmp_path / "gone") == set()
    path.write_text("processor\t: 0\nFeatures\t: bf16\n")  # not of x86
    assert cpu_flags(path) == set()


def test_a_training_by_auto_is_the_training_by_the_decided_precision(job, flags):
    flags("avx2")
    auto, plain = job("auto", precision="auto", max_steps=2), job("plain", max_steps=2)
    one, two = auto.run().result, plain.run().result
    assert {**one, "history": ""} == {**two, "history": ""}
    # The first row says what `auto` was: a release reads it there.
    first, *later = auto.history
    assert first.pop("precision") == "float32"
    assert [first, *later] == plain.history


def test_a_resumed_training_by_auto_says_what_it_was_once(job, flags, monkeypatch):
    from collectivesft.sft.loop import trainer

    flags("avx2")
    whole = job("whole", precision="auto", max_steps=2, save_steps=1).run()
    made, rate = job("made", precision="auto", max_steps=2, save_steps=1), trainer.learning_rate

    def killed(training, step, steps):
        if step == 1:
            raise KeyboardInterrupt
        return rate(training, step, steps)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "learning_rate", killed)
        with pytest.raises(KeyboardInterrupt):
            made.run()
    assert made.run().history == whole.history
    assert ["precision" in row for row in made.history].count(True) == 1


def test_another_machines_precision_ends_an_unfinished_training(job, flags, monkeypatch):
    from collectivesft.sft.loop import trainer

    flags("avx2")
    made, rate = job(precision="auto", save_steps=1), trainer.learning_rate

    def interrupt(training, step, steps):
        if step == 2:
            raise KeyboardInterrupt
        return rate(training, step, steps)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "learning_rate", interrupt)
        made.run()
    flags("amx_bf16")
    with pytest.raises(
        UserError, match=r"training\.precision was float32, is now bfloat16"
    ) as error:
        made.run()
    assert "\n" not in str(error.value)


def test_bfloat16_weights_ask_for_a_stated_precision(workshop):
    recipe = workshop.recipe(precision="auto", master_weights="bfloat16")
    with pytest.raises(InputError, match="needs precision bfloat16"):
        read_experiment(recipe)

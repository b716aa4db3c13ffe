"""Keep tests of one `xdist_group` in one worker: pytest-xdist 3.8 does not, under pytest 9.2.

Its `--dist loadgroup` appends the group to `item._nodeid`, which pytest no longer reads: every test
goes to any worker, and each worker makes the fixtures of a group again. See
findings/xdist-groups-ignored.sh.
"""

import pytest
from _pytest.nodeid import coerce_node_id


@pytest.hookimpl(trylast=True)  # the marks are there
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Append the group to the name, as the scheduler expects it."""
    if not getattr(config.option, "loadgroup", False):  # set in xdist's workers
        return
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        suffix = f"@{'_'.join(groups)}"
        if groups and not item.nodeid.endswith(suffix):
            item._id = coerce_node_id(item.nodeid + suffix)

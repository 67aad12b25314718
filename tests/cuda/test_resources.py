"""What the CUDA kernels need, as docs/cuda-resources.md says; `make cuda` holds the table against the compiler."""

from __future__ import annotations

import pytest
from resident.instances import instances, labels
from resources import CLUSTERS, SHARED_BYTES_AT_MOST, TABLE, Resources, hottest_loop, name_of, rows_of

from nnpg_kernels.cuda.sources import kernels

ROWS = rows_of(TABLE.read_text())


def test_every_instance_of_every_kernel_has_a_row_for_each_architecture() -> None:
    expected = [(k, a) for k in kernels() for a in SHARED_BYTES_AT_MOST]
    made = {a: instances(most, CLUSTERS[a]) for a, most in SHARED_BYTES_AT_MOST.items()}
    fits = {a: [instance.label for instance in of] for a, of in made.items()}
    expected += [(label, a) for label in labels() for a in fits if label in fits[a]]
    assert [(row.kernel, row.architecture) for row in ROWS] == expected


def test_no_kernel_needs_a_stack_or_local_memory_or_more_shared_memory_than_there_is() -> None:
    assert [fault for row in ROWS for fault in row.faults()] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stack": 8}, "stack is 8 bytes, not 0"),
        ({"spills": 4}, "spills is 4 bytes, not 0"),
        ({"local": 2}, "2 local loads and stores, not 0"),
        ({"shared": 164 << 10}, "167936 bytes of shared memory, more than 166912"),
        ({"multiply_adds": 60}, "less than 70% multiply-adds"),
    ],
)
def test_each_fault_of_a_row_is_told(change: dict[str, int], says: str) -> None:
    row = Resources("conv_forward_tiled<float>", "sm_80", 90, 0, 0, 8704, 80, 100, "48 LDS.128", 0)
    assert row.faults() == []
    (fault,) = row._replace(**change).faults()
    assert says in fault


def test_a_row_is_read_as_it_was_written() -> None:
    assert rows_of(ROWS[0].line()) == [ROWS[0]]


def test_the_hottest_loop_is_the_innermost_one_with_most_multiply_adds() -> None:
    code = [
        ("", "MOV R1, c[0x0][0x28] ;"),
        (".L_x_1", "LDG.E R2, [R4.64] ;"),
        (".L_x_2", "LDS.128 R8, [R5] ;"),
        ("", "FFMA.FTZ R9, R8, R2, R9 ;"),
        ("", "@P0 BRA `(.L_x_2) ;"),
        (".L_x_3", "LDG.E R2, [R4.64] ;"),
        ("", "@!P1 BRA `(.L_x_3) ;"),
        ("", "@P2 BRA `(.L_x_1) ;"),
        ("", "EXIT ;"),
        (".L_x_4", "BRA `(.L_x_4) ;"),
    ]
    assert hottest_loop(code) == ["LDS.128", "FFMA.FTZ", "BRA"]
    assert name_of("@!UP0 UIADD3 UR4, UR4, 0x1, URZ ;") == "UIADD3"

"""Long work that splits into named jobs: in several processes or on a Dask cluster, each result kept in a file.

Where to read: `running` (run_jobs), `kept` (what the file of a result is named after), `processes` (joblib's loky),
`cluster` (Dask), `progress` (how far the jobs are that are being done).
"""

from nnpg.jobs.kept import kept_file
from nnpg.jobs.processes import KilledError
from nnpg.jobs.running import read_arrays, run_jobs, write_arrays

__all__ = ["KilledError", "kept_file", "read_arrays", "run_jobs", "write_arrays"]

"""What needs every plugin of the repository is left out where a member is tested by itself."""

from importlib.util import find_spec

collect_ignore = (
    [] if find_spec("cpms_dicom_viewer") else ["test_matrix.py", "test_hostile_requests.py"]
)

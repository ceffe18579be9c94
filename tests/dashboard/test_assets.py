import hashlib
import json
from importlib.resources import files

ASSETS = files("penchant.dashboard") / "assets"


def test_vendored_files_are_the_released_ones():
    manifest = json.loads((ASSETS / "hashes.json").read_text(encoding="utf-8"))
    assert manifest["package"] == "echarts"
    assert "echarts.min.js" in manifest["sha256"]
    for name, expected in manifest["sha256"].items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == expected, name


def test_every_vendored_file_has_its_hash():
    manifest = json.loads((ASSETS / "hashes.json").read_text(encoding="utf-8"))
    vendored = {path.name for path in ASSETS.iterdir() if path.name.startswith("echarts.")}
    assert vendored == set(manifest["sha256"])


def test_the_vendored_version_is_the_one_named():
    manifest = json.loads((ASSETS / "hashes.json").read_text(encoding="utf-8"))
    script = (ASSETS / "echarts.min.js").read_text(encoding="utf-8")
    assert f'version="{manifest["version"]}"' in script

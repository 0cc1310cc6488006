"""Files written for people, folders that one run holds, and what a command leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nlpkit.errors import NlpkitError, UsageError
from nlpkit.locking import locked, work_folder
from nlpkit.output import HIDDEN, check_output_file, open_output, replacing
from tests.conftest import Command, settings, write_csv
from tests.test_cli import TEXT, refused

NLPKIT = str(Path(sys.executable).with_name("nlpkit"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, text: str) -> None:
    with open_output(path) as file:
        file.write(text)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("there/real.csv")
    (tmp_path / "dangling.csv").symlink_to("there/new.csv")
    write(tmp_path / "link.csv", "new")
    write(tmp_path / "dangling.csv", "made")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "dangling.csv").is_symlink()
    assert (tmp_path / "there" / "real.csv").read_text() == "new"
    assert (tmp_path / "there" / "new.csv").read_text() == "made"
    assert names(tmp_path / "there") == ["new.csv", "real.csv"]
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(NlpkitError, match="round cannot be written: Too many levels of symbolic links"):
        write(tmp_path / "round", "x")


def test_modes_are_kept_and_new_ones_follow_the_umask(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    kept.chmod(0o600)
    with umask(0o027):
        write(tmp_path / "new", "x")
        write(kept, "x")
    assert (tmp_path / "new").stat().st_mode & 0o7777 == 0o640
    assert kept.stat().st_mode & 0o7777 == 0o600


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), open_output(path) as file:
        file.writelines(str(1 // left) for left in (1, 0))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.csv"]
    with pytest.raises(NlpkitError, match=r"no/out\.csv cannot be written: No such file"):
        write(tmp_path / "no" / "out.csv", "x")
    with pytest.raises(NlpkitError, match="Is a directory"):
        write(tmp_path, "x")


def test_the_longest_name_there_can_be(tmp_path: Path) -> None:
    write(tmp_path / ("ä" * 127), "x")
    assert names(tmp_path) == ["ä" * 127]


def test_pipes_are_written_through(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write(pipe, "through")
    reader.join(10)
    assert got == ["through"]
    assert pipe.is_fifo()


def test_descriptors_are_written_through(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        write(Path(f"/dev/fd/{ours.fileno()}"), "through")
        assert theirs.recv(100) == b"through"
    log = tmp_path / "log"
    with log.open("w") as file:  # a file that others write to as well: neither cut off nor replaced
        file.write("before\n")
        file.flush()
        write(Path(f"/dev/fd/{file.fileno()}"), "ours\n")
        file.write("after\n")
    assert log.read_text() == "before\nours\nafter\n"


def test_what_is_not_to_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"exists.*--overwrite"):
        check_output_file(tmp_path / "file", overwrite=False)
    check_output_file(tmp_path / "file", overwrite=True)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="is a folder"):
            check_output_file(tmp_path, overwrite=overwrite)
    check_output_file(Path(os.devnull), overwrite=False)


def test_of_two_writers_the_last_one_s_file_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with open_output(path) as first:
        first.write("first\n" * 1000)
        with open_output(path) as second:
            second.write("second\n" * 1000)
        first.write("first\n" * 1000)
    assert path.read_text() == "first\n" * 2000
    assert names(tmp_path) == ["out"]


def test_what_a_killed_run_left_goes_and_what_a_live_one_writes_stays(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with replacing(path) as live:
        partial = Path(str(live.name))
        dead = partial.with_name(partial.name[:-8] + "deadbeef")
        dead.write_text("half")
        other = tmp_path / f"{HIDDEN}0123456789ab-deadbeef"  # of another output
        other.write_text("half")
        write(path, "new")
        assert names(tmp_path) == sorted([partial.name, other.name, "out"])


def test_a_folder_is_one_run_s(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom nlpkit.locking import locked\n"
        "with locked(Path(sys.argv[1])):\n print('held', flush=True)\n time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(UsageError, match="model is locked: another run") as caught, locked(folder):
                pass
            if Path("/proc/locks").exists():
                assert f"(process {holder.pid})" in str(caught.value)
        finally:
            holder.kill()
    with locked(folder), locked(folder):  # the dead hold nothing, and a run does not stand in its own way
        errors: list[BaseException] = []

        def other() -> None:
            try:
                with locked(folder):
                    pass
            except UsageError as error:
                errors.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert len(errors) == 1
    # the folder was made by the one that was killed; nothing else is left of a lock
    assert names(folder) == []
    with locked(tmp_path / "new" / "model"):
        pass
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"), locked(tmp_path / "file"):
        pass


def test_work_folders_of_the_dead_go(tmp_path: Path) -> None:
    dead, foreign = tmp_path / ".nlpkit-building-dead", tmp_path / ".building-dead"
    for folder in (dead, foreign):
        folder.mkdir()
        (folder / "file").touch()
    with work_folder(tmp_path) as live:
        (live / "file").touch()
        with work_folder(tmp_path) as second:
            assert second != live
        assert names(tmp_path) == sorted([".building-dead", live.name])
    assert names(tmp_path) == [".building-dead"]


# -- through the command


def test_devices_stay_devices(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    for more in ([], ["--overwrite"]):
        assert nlpkit("predict", TEXT, "--model", trained, "--output", os.devnull, *more).returncode == 0
    assert Path(os.devnull).is_char_device()
    done = nlpkit("predict", TEXT, "--model", trained, "--output", "/dev/stdout", "--overwrite")
    assert done.stdout.startswith("positive\t")
    refused(nlpkit("predict", TEXT, "--model", trained, "--output", tmp_path, "--overwrite"), 2, "is a folder")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_an_output(nlpkit: Command, trained: Path) -> None:
    done = nlpkit("predict", TEXT, "--model", trained, "--output", "/dev/full")
    refused(done, 1, "/dev/full cannot be written", "No space left")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["predict", TEXT, "--model", "MODEL"], ["info", "MODEL"], ["--help"], ["data"]])
@pytest.mark.parametrize("stream", [">/dev/full", ">&-"])
def test_an_output_that_takes_nothing(nlpkit: Command, trained: Path, arguments: list[str], stream: str) -> None:
    given = [str(trained) if word == "MODEL" else word for word in arguments]
    done = subprocess.run(["sh", "-c", f'"$@" {stream}', "sh", NLPKIT, *given], capture_output=True, text=True)
    refused(done, 1, "standard output cannot be written")
    assert len(done.stderr.splitlines()) == 1
    assert "bug" not in done.stderr


def test_closed_streams(trained: Path, tmp_path: Path) -> None:
    def run(streams: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", f'"$@" {streams}', "sh", NLPKIT, "predict", "--model", str(trained), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    done = run("2>&-", TEXT, "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out").read_text().startswith("positive\t")
    done = run("<&- >&- 2>&-", TEXT, "--output", str(tmp_path / "out"), "--overwrite")
    assert done.returncode == 0
    assert (tmp_path / "out").read_text().startswith("positive\t")
    done = run("<&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_half_written(trained: Path, tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "out.csv").write_text("old")
    command = [NLPKIT, "predict", "--model", str(trained), "--output", "out.csv", "--overwrite"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not any(name.startswith(HIDDEN) for name in names(tmp_path)):
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(20) == 128 + number
    assert names(tmp_path) == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "old"


@pytest.mark.slow
def test_a_broken_standard_error_stops_no_training(nlpkit: Command, reviews_csv: Path, tmp_path: Path) -> None:
    command = [NLPKIT, "train", "--data", str(reviews_csv), *settings(), "--epochs", "2", "--output", "model"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        assert process.wait() == 0
    assert nlpkit("predict", TEXT, "--model", tmp_path / "model").returncode == 0


@pytest.mark.slow
def test_two_trainings_into_one_folder(nlpkit: Command, reviews_csv: Path, trained: Path, tmp_path: Path) -> None:
    arguments = ["train", "--data", str(reviews_csv), *settings(), "--epochs", "2", "--output", str(tmp_path / "model")]
    with locked(tmp_path / "model"):
        refused(nlpkit(*arguments, "--overwrite"), 2, "model is locked", f"(process {os.getpid()})")
        refused(nlpkit("export", trained, "--output", tmp_path / "model"), 2, "model is locked")
    assert names(tmp_path) == []


@pytest.mark.slow
def test_home_is_left_alone(nlpkit: Command, reviews_csv: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    home = {"HOME": str(tmp_path / "home"), "KERAS_BACKEND": "tensorflow"}
    for gone in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ORT_DISABLE_TELEMETRY", "KERAS_HOME", "MPLCONFIGDIR"):
        home[gone] = ""
    run = ["env", *(f"-u{name}" for name, value in home.items() if not value), NLPKIT]
    kept = {name: value for name, value in os.environ.items() if name not in home} | {"HOME": home["HOME"]}

    def leave_alone(*arguments: str) -> None:
        done = subprocess.run([*run, *arguments], capture_output=True, text=True, env=kept, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert names(tmp_path / "home") == []
        assert "Warning" not in done.stderr
        assert "\033" not in done.stderr

    train = ["--epochs", "1", "--set", "model.units=8", "--set", "model.embedding_size=8"]
    leave_alone("train", "sentiment", "--data", str(reviews_csv), *settings(), "--epochs", "1", "--output", "m")
    leave_alone("predict", TEXT, "--model", "m")
    leave_alone("train", "generate", "--data", str(reviews_csv), *train, "--output", "g")
    leave_alone("generate", "--model", "g", "--length", "5")
    dates = write_csv(tmp_path / "pairs.csv", [(f"{i} a", f"{i} b") for i in range(60)], ("source", "target"))
    leave_alone("train", "translate", "--data", str(dates), *train, "--output", "t")
    leave_alone("translate", "1 a", "--model", "t")


def test_a_home_that_is_no_folder(nlpkit: Command, trained: Path) -> None:
    done = nlpkit("predict", TEXT, "--model", trained, env={"HOME": "/proc/nowhere"})
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_person_chose_about_telemetry_stays() -> None:
    program = "import os\nimport nlpkit.runtime.session\nprint(os.environ['ORT_DISABLE_TELEMETRY'])"
    for chosen, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | chosen
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        assert done.stdout.strip() == expected


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["nonsense"])
def test_a_backend_that_is_not_there(nlpkit: Command, reviews_csv: Path, tmp_path: Path, backend: str) -> None:
    arguments = ["train", "--data", str(reviews_csv), *settings(), "--epochs", "1", "--output", str(tmp_path / "m")]
    done = nlpkit(*arguments, env={"KERAS_BACKEND": backend})
    refused(done, 1, f"'{backend}'", "KERAS_BACKEND")
    assert "bug" not in done.stderr
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes away root's rights")
def test_a_missing_permission(trained: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        bounds = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
        return subprocess.run([*bounds, NLPKIT, *arguments], capture_output=True, text=True, cwd=tmp_path)

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    (tmp_path / "secret").mkdir(mode=0o000)
    probe = subprocess.run(["setpriv", "--version"], capture_output=True)
    if probe.returncode:
        pytest.skip("needs setpriv")
    for arguments in (
        ["predict", TEXT, "--model", str(trained), "--output", "closed/out.csv"],
        ["predict", TEXT, "--model", str(trained), "--output", "secret/out.csv"],
        ["predict", TEXT, "--model", "secret/model"],
        ["export", str(trained), "--output", "closed/model"],
        ["train", "--data", "secret/rows.csv"],
        ["train", "--data", "secret"],
    ):
        done = run(*arguments)
        assert done.returncode in (1, 2), done.stderr
        refused(done, done.returncode, "ermission")
        assert "bug" not in done.stderr
    assert names(closed) == []
